"""Turn text, arguments and paths into what may be stored: values that look secret become `***`.

Masking is one-way and errs towards masking; a model's vocabulary (`pad_token`, `max_tokens=512`) and numbers
stay readable. It can't know a secret that looks like any other word.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MASK = "***"

KNOWN_SECRETS = re.compile(
    r"""
      gh[pousr]_[A-Za-z0-9]{20,} | github_pat_\w{20,} | glpat-[\w-]{16,}   # GitHub, GitLab
    | hf_[A-Za-z0-9]{16,} | api_org_[A-Za-z0-9]{16,}                        # Hugging Face
    | \bsk-[\w-]{16,} | \b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}              # OpenAI, Anthropic, Stripe
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b | \bAIza[\w-]{30,} | \bya29\.[\w-]{20,} # AWS, Google
    | \bxox[abeoprs]-[\w-]{10,} | \bnpm_[A-Za-z0-9]{30,} | \bpypi-[\w-]{50,}
    | \bwandb_v\d_\w{16,} | \bdckr_pat_[\w-]{16,}
    | \beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}                                  # JSON Web Token
    """,
    re.VERBOSE,
)
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
USER_IN_URL = re.compile(r"(?<=://)[^\s/@'\"]+(?=@)")
BEARER = re.compile(r"(?i)(\bbearer\s+|authorization[\"']?\s*[:=]\s*[\"']?basic\s+)[\w.+/=~-]{12,}")
SECRET_IN_QUERY = re.compile(
    r"(?i)([?&](?:[\w-]{0,40}(?:token|secret|password|key|signature|credential)|sig)=)[^&\s'\"]+"
)

# Names whose value is secret whatever it looks like; `token`, `auth` and `key` depend on the value.
STRONG = r"passw(?:or)?d|passphrase|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|credentials?"
# A name begins where a word does and is at most 60 characters long: a megabyte of base64 costs one look.
ASSIGNED = re.compile(
    rf"""(?ix) (?<![\w.-]) (?P<name> [\w.-]{{0,60}}? (?: (?P<strong>{STRONG}) | token )
    (?: [_-]?(?:id|key|value) )? ) (?P<between> ["']? \]? \s{{0,9}} [:=] \s{{0,9}} )
    (?P<value> "[^"\n]*" | '[^'\n]*' | [^\s"',;(){{}}\[\]]+ )"""
)
FLAG = re.compile(rf"(?i)(?:.*[._-])?(?:(?P<strong>\w*(?:{STRONG})s?)|token|auth|key|keys)|.*(?-i:Token|Key)")
FLAG_LONGEST = 200
VOCABULARY = re.compile(
    r"(?i)(?:.*[._-])?(?:pad|eos|bos|unk|sep|cls|mask|start|end|stop|image|sort|label|text|input|target|data)"
    r"[._-]?(?:token|keys?)"
)
"""Words of models and data sets; `rerun` must be able to repeat them."""
PLAIN_VALUE = re.compile(r"(?i)[+-]?\d[\d_.e+-]{0,7}|true|false|none|null|yes|no|</?[^>]*>|\[\w+\]|")
"""Numbers of up to 8 characters, switches and special tokens (`<pad>`, `[MASK]`) are no secrets."""
CODE = re.compile(r"(?:str|bytes|int|bool|Any|Optional)|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\.?")
"""Types and dotted names (`os.environ`, `args.password`): what code says instead of a secret."""
RANDOM_LEAST = 16
"""An unquoted value of a `token` is a secret from this length on, with two digits among letters."""

SECRET_NAMES = re.compile(
    r"""(?ix)
      \.env(?:\..*|rc)? | .*\.env | .*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|tfvars|ovpn|asc|gpg|token)
    | id_(?:rsa|dsa|ecdsa|ed25519)(?!.*\.pub$).* | .*credential.* | .*secret.* | .*passw(?:or)?ds?(?:[._-].*)?
    | [._]netrc | \.npmrc | \.pypirc | \.htpasswd | \.pgpass | \.git-credentials
    | (?:.*[_-])?tokens?(?:\.txt)? | (?:.*[_-])?api[_-]?keys?(?:\..*)? | service[_-]?account.*\.json
    | kubeconfig(?:\..*)?
    """
)
SECRET_FOLDERS = frozenset({".aws", ".ssh", ".gnupg", ".kube", ".docker", ".azure", "gcloud"})


def mask(text: str) -> str:
    """Return the text with every value that looks secret as `***`."""
    text = PRIVATE_KEY.sub(MASK, text)
    text = USER_IN_URL.sub(MASK, text)
    text = SECRET_IN_QUERY.sub(rf"\1{MASK}", text)
    text = BEARER.sub(rf"\1{MASK}", text)
    text = KNOWN_SECRETS.sub(MASK, text)
    return ASSIGNED.sub(_assignment, text)


def mask_value(name: str, value: str) -> str:
    """Return the value of a variable or option, `***` where its name or its looks say that it is secret."""
    match = FLAG.fullmatch(name) if len(name) <= FLAG_LONGEST else None
    if match is None:
        return mask(value)
    if not match["strong"] and (PLAIN_VALUE.fullmatch(value) or VOCABULARY.fullmatch(name)):
        return value
    return MASK if value else value


def mask_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments, values of `--token`, `--api-key=`, `wandb.key=` and secrets anywhere as `***`."""
    masked: list[str] = []
    flag = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if flag and not argument.startswith("-"):
            masked.append(mask_value(flag, argument))
        elif equals and re.fullmatch(r"[-+\w.~/@]+", name):
            masked.append(f"{name}={mask_value(name.lstrip('-+~'), value)}")
        else:
            masked.append(mask(argument))
        flag = argument.lstrip("-") if argument.startswith("-") and not equals else ""
    return tuple(masked)


def looks_secret(path: str | PurePath) -> bool:
    """Return whether a file may hold secrets by its name or folder, so that it is never stored."""
    pure = PurePath(path)
    return SECRET_NAMES.fullmatch(pure.name) is not None or not SECRET_FOLDERS.isdisjoint(pure.parts[:-1])


def _assignment(match: re.Match[str]) -> str:
    """Return `name = value` with the value masked where it is a literal secret, else as it was."""
    value, strong = match["value"], match["strong"] is not None
    quote = value[0] if value[0] in "\"'" else ""
    inner = value[1:-1] if quote else value
    secret = _is_quoted_secret(inner, match["name"], strong) if quote else _is_bare_secret(inner, match)
    return f"{match['name']}{match['between']}{quote}{MASK}{quote}" if secret else match[0]


def _is_quoted_secret(inner: str, name: str, strong: bool) -> bool:
    if strong:
        return bool(inner)
    return not (PLAIN_VALUE.fullmatch(inner) or VOCABULARY.fullmatch(name))


def _is_bare_secret(value: str, match: re.Match[str]) -> bool:
    """Return whether an unquoted value is a secret: in code it is mostly a name, in settings the value."""
    if PLAIN_VALUE.fullmatch(value) or CODE.fullmatch(value):
        return False
    if match["strong"]:
        # `password = getpass` with blanks is code; `PASSWORD=word` and `password: word` are settings.
        return match["between"].strip("\"']") != " = " or not value.isalpha()
    return _is_random(value)


def _is_random(value: str) -> bool:
    """Return whether a value looks drawn, not written."""
    digits = sum(c.isdigit() for c in value)
    return len(value) >= RANDOM_LEAST and digits >= 2 and digits < len(value)
