"""Products with names, shelves and neighbours: a graph of Python objects."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import torch

PRODUCTS, SHELVES = 6000, 200


@dataclass
class Product:
    """One product, and the products that were bought with it."""

    number: int
    name: str
    words: tuple[str, ...]
    neighbours: list[Product] = field(default_factory=list, repr=False)


class ProductIndex:
    """Finds products by number, word and shelf."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        self.by_word: dict[str, list[Product]] = {}
        self.products: list[Product] = []
        for number in range(PRODUCTS):
            words = (f"kind{number % SHELVES}", f"make{draw.randrange(900)}", f"size{draw.randrange(40)}")
            product = Product(number, " ".join(words), words)
            self.products.append(product)
            for word in words:
                self.by_word.setdefault(word, []).append(product)
        for product in self.products:
            shelf = self.by_word[product.words[0]]
            product.neighbours.extend(shelf[draw.randrange(len(shelf))] for _ in range(4))
        self.pairs = torch.tensor([[p.number, near.number] for p in self.products for near in p.neighbours])

    def __len__(self) -> int:
        return len(self.products)
