"""Secrets become `***` in text, arguments and URLs; the words of models and data sets stay."""

from __future__ import annotations

import time

import pytest

from throughput.collect.secrets import MASK, looks_secret, mask, mask_arguments, mask_value

HEX = "0123456789abcdef0123456789abcdef01234567"

# Put together here, so that no scanner takes this file for a leak.
KNOWN = [
    "gh" + "p_" + "a1B2" * 9,
    "github" + "_pat_" + "a1B2" * 9,
    "hf" + "_" + "aBcD" * 8,
    "sk" + "-proj-" + "aB3d" * 8,
    "AK" + "IA" + "ABCDEFGH12345678",
    "xox" + "b-" + "1234567890-abc",
    "ey" + "JhbGciOiJI" + ".eyJzdWIiOiIx" + ".SflKxwRJSMeK",
    "wandb" + "_v1_" + "aB3d" * 8,
]


@pytest.mark.parametrize("secret", KNOWN)
def test_known_forms_are_masked_anywhere(secret: str) -> None:
    assert mask(f"login {secret}, then train") == f"login {MASK}, then train"
    assert mask_arguments(["train.py", secret]) == ("train.py", MASK)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://me:pa55@host.org/x", "https://***@host.org/x"),
        ("s3://bucket/x?X-Amz-Signature=ab12&n=1", "s3://bucket/x?X-Amz-Signature=***&n=1"),
        ('api_key = "abc"', 'api_key = "***"'),
        ("+os.environ['WANDB_API_KEY'] = 'abc'", "+os.environ['WANDB_API_KEY'] = '***'"),
        ('{"password": "x y"}', '{"password": "***"}'),
        ("PASSWORD=hunter", "PASSWORD=***"),
        ("  password: hunter2", "  password: ***"),
        (f"token = {HEX}", "token = ***"),
        (f'HF_TOKEN="{HEX}"', 'HF_TOKEN="***"'),
        ("Authorization: Bearer abcdef123456789", "Authorization: Bearer ***"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb", "a\n***\nb"),
        ("+-----BEGIN PRIVATE KEY-----\n+MII", "+***"),
    ],
)
def test_values_in_text_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=512, tokenizer=bert-base-uncased-2024",
        'pad_token = "PAD"; eos_token="</s>"',
        "tokens = tokenizer(text)",
        "token = tokenizer.encode(word)",
        "password: str = args.password",
        "password = getpass.getpass()",
        "x = sorted(rows, key=lambda r: r.name)",
        "basic configuration of training",
        "git@github.com:me/repo.git, 3 steps/s at 50 %",
        "for key, value in state.items():",
    ],
)
def test_code_stays_readable(text: str) -> None:
    assert mask(text) == text


def test_arguments() -> None:
    arguments = [
        "train.py", "--token", "abc", "--api-key=abc", "--hub_token", "--lr", "0.1", "--max-tokens", "512",
        "--tokenizer", "bert", "wandb.api_key=abc", "--password", "7", "--key", "16", "--sort-key", "len",
        "--url=https://u:p@host/x", "--pad-token", "PAD", "--passwords=", "--monkey", "see",
    ]  # fmt: skip
    assert mask_arguments(arguments) == (
        "train.py", "--token", MASK, "--api-key=***", "--hub_token", "--lr", "0.1", "--max-tokens", "512",
        "--tokenizer", "bert", "wandb.api_key=***", "--password", MASK, "--key", "16", "--sort-key", "len",
        "--url=https://***@host/x", "--pad-token", "PAD", "--passwords=", "--monkey", "see",
    )  # fmt: skip


def test_values_of_variables() -> None:
    assert mask_value("WANDB_API_KEY", "abc") == MASK
    assert mask_value("HF_TOKEN", "abc") == MASK
    assert mask_value("authToken", "abc") == MASK
    assert mask_value("OMP_NUM_THREADS", "4") == "4"
    assert mask_value("HTTPS_PROXY", "http://u:p@proxy:80") == "http://***@proxy:80"
    assert mask_value("key" * 10_000, "abc") == "abc"


@pytest.mark.parametrize(
    "path",
    [
        ".env", "conf/.env.local", "prod.env", "a/server.pem", "id_rsa", "id_ed25519", "aws_credentials.json",
        "my-secrets.yaml", ".netrc", ".ssh/config", "x/.aws/config", "token.txt", "hf_token", "api_key.txt",
        "service-account-1.json", "passwords.csv",
    ],
)  # fmt: skip
def test_secret_files(path: str) -> None:
    assert looks_secret(path)


@pytest.mark.parametrize(
    "path",
    [
        "train.py",
        "tokenizer.json",
        "tokens.py",
        "id_rsa.pub",
        "env.py",
        "environment.yml",
        "keys.py",
        "docker/a.py",
    ],
)
def test_plain_files(path: str) -> None:
    assert not looks_secret(path)


@pytest.mark.parametrize(
    "text", ["a" * 300_000, "a-" * 150_000, "key=" * 70_000, "://" * 90_000, "token " * 50_000]
)
def test_hostile_text_takes_no_time(text: str) -> None:
    begun = time.process_time()
    mask(text)
    assert time.process_time() - begun < 2
