#!/usr/bin/env python3
"""Makes forged.json: signatures that only the owner of a private key can get wrong in these ways.

Deterministic: `python3 make.py > forged.json` writes the same bytes each time. The keys are made
here from a fixed seed and serve nothing else. Each case says whether it verifies; the good ones
show that the others fail for what their name says and nothing else.
"""

import base64
import hashlib
import json
import random

rng = random.Random("usher jose vectors")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value):
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


# --- primes -----------------------------------------------------------------------------------


def is_prime(n):
    if any(n % p == 0 for p in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31)):
        return False
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for _ in range(20):
        x = pow(rng.randrange(2, n - 1), d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def prime(bits):
    while True:
        candidate = rng.getrandbits(bits) | 1 | 3 << (bits - 2)
        if candidate % 65537 != 1 and is_prime(candidate):
            return candidate


def broken_prime(bits):
    """k * M + 65537^a mod M, as CVE-2017-15361 has them."""
    primes = [p for p in range(2, 710) if all(p % q for q in range(2, p))][:126]
    m = 1
    for p in primes:
        m *= p
    while True:
        k = (3 << (bits - 2)) // m + rng.getrandbits((1 << bits).bit_length() - m.bit_length() - 3)
        candidate = k * m + pow(65537, rng.getrandbits(255), m)
        if candidate.bit_length() == bits and is_prime(candidate):
            return candidate


# --- RSA --------------------------------------------------------------------------------------

P, Q = prime(1024), prime(1024)
N, E = P * Q, 65537
D = pow(E, -1, (P - 1) * (Q - 1))
SIZE = 256
assert N.bit_length() == 2048
RSA_JWK = {"kty": "RSA", "kid": "k", "n": number(N), "e": number(E)}

SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
SHA256_NO_NULL = bytes.fromhex("302f300b0609608648016503040201" "0420")
SHA256_LONG_LENGTH = bytes.fromhex("308131300d060960864801650304020105000420")
SHA512 = bytes.fromhex("3051300d060960864801650304020305000440")
SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")


def signing_input(alg, turn=0):
    header = b64(json.dumps({"alg": alg, "kid": "k"}).encode())
    return header + "." + b64(json.dumps({"sub": "mia", "turn": turn}).encode())


def power(block):
    return pow(int.from_bytes(block, "big"), D, N)


def pkcs1(message, info=SHA256, hashed=hashlib.sha256, pad=b"\xff", start=b"\x00\x01", tail=b"", short=None):
    end = b"\x00" + info + hashed(message.encode()).digest()
    length = SIZE - len(start) - len(end) - len(tail)
    block = start + (pad * length if short is None else pad * short) + end + tail
    return block + b"\x00" * (SIZE - len(block)) if short is not None else block


def mgf1(seed, length, hashed):
    out = b""
    counter = 0
    while len(out) < length:
        out += hashed(seed + counter.to_bytes(4, "big")).digest()
        counter += 1
    return out[:length]


def pss(message, salt=32, mask=hashlib.sha256, trailer=0xBC, one=1, top=0, hashed=hashlib.sha256):
    salt = rng.randbytes(salt)
    digest = hashed(b"\x00" * 8 + hashed(message.encode()).digest() + salt).digest()
    length = SIZE - len(digest) - 1
    db = bytes(length - len(salt) - 1) + bytes([one]) + salt
    masked = bytearray(a ^ b for a, b in zip(db, mgf1(digest, length, mask)))
    masked[0] = masked[0] & 0x7F | top
    return bytes(masked) + digest + bytes([trailer])


def rsa_cases():
    message = signing_input("RS256")

    def case(name, signature, verifies=False, message=message, alg="RS256"):
        if isinstance(signature, int):
            signature = signature.to_bytes(SIZE, "big")
        return {"name": name, "alg": alg, "jwk": RSA_JWK, "verifies": verifies, "token": message + "." + b64(signature)}

    good = power(pkcs1(message))
    yield case("PKCS#1: good", good, True)
    yield case("PKCS#1: DigestInfo without NULL", power(pkcs1(message, info=SHA256_NO_NULL)))
    yield case("PKCS#1: DigestInfo with a long-form length", power(pkcs1(message, info=SHA256_LONG_LENGTH)))
    yield case("PKCS#1: bare hash", power(pkcs1(message, info=b"")))
    yield case("PKCS#1: DigestInfo of SHA-512", power(pkcs1(message, info=SHA512, hashed=hashlib.sha512)))
    yield case("PKCS#1: DigestInfo of SHA-1", power(pkcs1(message, info=SHA1, hashed=hashlib.sha1)))
    yield case("PKCS#1: name of SHA-512 before a SHA-256 hash", power(pkcs1(message, info=SHA512)))
    yield case("PKCS#1: bytes after the hash", power(pkcs1(message, tail=b"\x00")))
    yield case("PKCS#1: short padding, the rest behind", power(pkcs1(message, short=8)))
    yield case("PKCS#1: no padding, the rest behind", power(pkcs1(message, short=0)))
    yield case("PKCS#1: padding of zeros", power(pkcs1(message, pad=b"\x00")))
    yield case("PKCS#1: padding of fe", power(pkcs1(message, pad=b"\xfe")))
    yield case("PKCS#1: block type 2", power(pkcs1(message, start=b"\x00\x02")))
    yield case("PKCS#1: block type 0", power(pkcs1(message, start=b"\x00\x00")))
    yield case("PKCS#1: first byte not zero", power(pkcs1(message, start=b"\x01\x01")))
    yield case("PKCS#1: hash of another text", power(pkcs1(message + "x")))
    yield case("RSA: signature 0", 0)
    yield case("RSA: signature 1", 1)
    yield case("RSA: signature n - 1", N - 1)
    yield case("RSA: signature n", N)
    yield case("RSA: signature with a zero before", b"\x00" + good.to_bytes(SIZE, "big"))
    yield case("RSA: signature with a zero behind", good.to_bytes(SIZE, "big") + b"\x00")
    yield case("RSA: signature of one byte", b"\x01")
    yield case("RSA: good signature plus n", *beyond(lambda s: s + N < 1 << 8 * SIZE, lambda s: s + N))
    yield case(
        "RSA: signature without its leading zero",
        *beyond(lambda s: s < 1 << 8 * (SIZE - 1), lambda s: s.to_bytes(SIZE - 1, "big")),
    )

    message = signing_input("PS256")

    def case_pss(name, block, verifies=False):
        return case(name, power(block), verifies, message, "PS256")

    yield case_pss("PSS: good", pss(message), True)
    yield case_pss("PSS: no salt", pss(message, salt=0))
    yield case_pss("PSS: salt of 20", pss(message, salt=20))
    yield case_pss("PSS: salt of 33", pss(message, salt=33))
    yield case_pss("PSS: longest salt", pss(message, salt=222))
    yield case_pss("PSS: mask by SHA-1", pss(message, mask=hashlib.sha1))
    yield case_pss("PSS: hashed by SHA-512", pss(message, hashed=hashlib.sha512))
    yield case_pss("PSS: another trailer", pss(message, trailer=0xCC))
    yield case_pss("PSS: no 01 before the salt", pss(message, one=2))
    yield case_pss("PSS: PKCS#1 block", pkcs1(message))
    yield case_pss("PSS: hash of another text", pss(message + "x"))


def beyond(fits, change):
    """Looks for a message whose signature has room for the change."""
    for turn in range(1, 10_000):
        message = signing_input("RS256", turn)
        signature = power(pkcs1(message))
        if fits(signature):
            return change(signature), False, message
    raise SystemExit("no such signature")


# --- Ed25519 (RFC 8032 §5.1) ------------------------------------------------------------------

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, -1, PRIME) % PRIME
BASE_Y = 4 * pow(5, -1, PRIME) % PRIME


def x_of(y):
    square = (y * y - 1) * pow(CURVE * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    return PRIME - x if x % 2 else x


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = CURVE * x1 * x2 * y1 * y2 % PRIME
    return (
        (x1 * y2 + x2 * y1) * pow(1 + k, -1, PRIME) % PRIME,
        (y1 * y2 + x1 * x2) * pow(1 - k, -1, PRIME) % PRIME,
    )


def times(scalar, point):
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


BASE = (x_of(BASE_Y), BASE_Y)


def ed_cases():
    secret = rng.randrange(1, ORDER)
    public = encode(times(secret, BASE))
    jwk = {"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": b64(public)}
    message = signing_input("EdDSA")

    def challenge(r):
        hashed = hashlib.sha512(r + public + message.encode()).digest()
        return int.from_bytes(hashed, "little") % ORDER

    def case(name, r, s, verifies=False):
        signature = r + s.to_bytes(32, "little")
        return {"name": name, "alg": "EdDSA", "jwk": jwk, "verifies": verifies, "token": message + "." + b64(signature)}

    nonce = rng.randrange(1, ORDER)
    r = encode(times(nonce, BASE))
    s = (nonce + challenge(r) * secret) % ORDER
    yield case("Ed25519: good", r, s, True)
    yield case("Ed25519: S plus the order", r, s + ORDER)
    yield case("Ed25519: S plus eight orders", r, (s + 8 * ORDER) % 2**256)
    yield case("Ed25519: S of zero", r, 0)
    yield case("Ed25519: S is the order", r, ORDER)
    identity = encode((0, 1))
    yield case("Ed25519: R canonical, of nonce zero", identity, challenge(identity) * secret % ORDER, True)
    for name, strange in [
        ("y beyond the prime", (PRIME + 1).to_bytes(32, "little")),
        ("minus zero for x", (1 | 1 << 255).to_bytes(32, "little")),
    ]:
        yield case("Ed25519: R not canonical, " + name, strange, challenge(strange) * secret % ORDER)


# ----------------------------------------------------------------------------------------------

print(
    json.dumps(
        {
            "cases": [*rsa_cases(), *ed_cases()],
            "roca_modulus": number(broken_prime(1024) * broken_prime(1024)),
        },
        indent=1,
    )
)
