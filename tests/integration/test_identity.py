"""Tokens are ours, of one algorithm, not expired; whatever they say of themselves (promise 11)."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from bot.errors import NotAllowedError, StorageUnavailableError
from bot.services.identity import CUSTOMER_LIFETIME, VISITOR_LIFETIME, IdentityDesk, read_secret
from tests.fakes import START
from tests.integration.served import IDENTITY_SECRET, SHOP_ID, customer_jwt

SECRET = "the server's own secret, long enough"
DESK = IdentityDesk(SECRET, identity_secret=IDENTITY_SECRET)
NOW = START.timestamp()
HOUR, DAY = 3600, 24 * 3600


def forged(
    header: dict[str, Any], claims: dict[str, Any], secret: str, digest_name: str = "sha256"
) -> str:
    """Return a token with any header; signed with HMAC, or not at all without a secret."""

    def pack(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    body = f"{pack(json.dumps(header).encode())}.{pack(json.dumps(claims).encode())}"
    digest = hmac.digest(secret.encode(), body.encode(), digest_name) if secret else b""
    return f"{body}.{pack(digest)}"


def visitor_claims(**more: Any) -> dict[str, Any]:
    return {"jti": "x" * 43, "aud": "prelude-visitor", "exp": NOW + DAY, **more}


def customer_claims(**more: Any) -> dict[str, Any]:
    return {"sub": "c-7", "aud": SHOP_ID, "exp": NOW + HOUR, **more}


def assert_no_customer(token: str, shop_id: str = SHOP_ID) -> None:
    with pytest.raises(NotAllowedError):
        DESK.customer_of(token, shop_id, START)


# --- visitors ---------------------------------------------------------------------------------


def test_visitor_token_is_signed_over_256_random_bits() -> None:
    tokens = {DESK.new_visitor(START) for _ in range(20)}
    randoms = {DESK.visitor_of(token, START) for token in tokens}
    assert len(tokens) == len(randoms) == 20
    for random in randoms:
        assert len(base64.urlsafe_b64decode(random + "=")) == 32
    assert {jwt.get_unverified_header(token)["alg"] for token in tokens} == {"HS256"}


def test_visitor_token_is_good_for_a_year() -> None:
    token = DESK.new_visitor(START)
    DESK.visitor_of(token, START + VISITOR_LIFETIME)
    with pytest.raises(NotAllowedError):
        DESK.visitor_of(token, START + VISITOR_LIFETIME + timedelta(minutes=2))


FORGED_VISITORS = {
    "other secret": forged({"alg": "HS256"}, visitor_claims(), "x" * 40),
    "shop's secret": forged({"alg": "HS256"}, visitor_claims(), IDENTITY_SECRET),
    "alg none": forged({"alg": "none"}, visitor_claims(), ""),
    "alg none, signed": forged({"alg": "none"}, visitor_claims(), SECRET),
    "alg None": forged({"alg": "None"}, visitor_claims(), ""),
    "no alg": forged({}, visitor_claims(), SECRET),
    "alg HS512": forged({"alg": "HS512"}, visitor_claims(), SECRET, "sha512"),
    "alg RS256": forged({"alg": "RS256"}, visitor_claims(), SECRET),
    "no expiry": forged({"alg": "HS256"}, {"jti": "x", "aud": "prelude-visitor"}, SECRET),
    "no random part": forged({"alg": "HS256"}, {"aud": "prelude-visitor", "exp": NOW}, SECRET),
    "a customer's": forged({"alg": "HS256"}, visitor_claims(aud=SHOP_ID), SECRET),
    "no audience": forged({"alg": "HS256"}, {"jti": "x", "exp": NOW + DAY}, SECRET),
    "expired": forged({"alg": "HS256"}, visitor_claims(exp=NOW - 61), SECRET),
    "cut": DESK.new_visitor(START)[:-2],
    "empty": "",
    "a word": "wrong",
    "dots": "..",
    "half a surrogate pair": "\ud800.\ud800.\ud800",
    "nothing but Chinese": "\u4f60.\u597d.\u5417",
}


@pytest.mark.parametrize("name", FORGED_VISITORS)
def test_forged_visitor_token_is_refused(name: str) -> None:
    with pytest.raises(NotAllowedError):
        DESK.visitor_of(FORGED_VISITORS[name], START)


def test_changed_claims_break_the_signature() -> None:
    head, _, signature = DESK.new_visitor(START).split(".")
    other = DESK.new_visitor(START).split(".")[1]
    with pytest.raises(NotAllowedError):
        DESK.visitor_of(f"{head}.{other}.{signature}", START)


# --- the shop's customers ---------------------------------------------------------------------


def test_customer_is_who_the_shop_signed() -> None:
    customer = DESK.customer_of(customer_jwt(name="L" * 200), SHOP_ID, START)
    assert (customer.subject, customer.name) == ("c-7", "L" * 80)
    assert DESK.customer_of(customer_jwt(name=None), SHOP_ID, START).name == ""


def test_clocks_of_shop_and_server_may_differ_by_a_minute() -> None:
    for claims in ({"exp": NOW - 59}, {"iat": NOW + 59}, {"iat": NOW + 10 * HOUR}):
        DESK.customer_of(customer_jwt(**claims), SHOP_ID, START)
    DESK.customer_of(customer_jwt(exp=NOW + CUSTOMER_LIFETIME.total_seconds()), SHOP_ID, START)


BAD_CUSTOMERS = {
    "expired": customer_jwt(exp=NOW - 61),
    "good for longer than a day": customer_jwt(exp=NOW + DAY + 61),
    "good for ever": customer_jwt(exp=None),
    "good until infinity": customer_jwt(exp=float("inf")),
    "good until no number": customer_jwt(exp=float("nan")),
    "good until a word": forged({"alg": "HS256"}, customer_claims(exp="soon"), IDENTITY_SECRET),
    "good until true": forged({"alg": "HS256"}, customer_claims(exp=True), IDENTITY_SECRET),
    "another shop's": customer_jwt(aud="another"),
    "nobody's": customer_jwt(aud=None),
    "a visitor's audience": customer_jwt(aud="prelude-visitor"),
    "without a subject": customer_jwt(sub=None),
    "empty subject": customer_jwt(sub=""),
    "long subject": customer_jwt(sub="x" * 129),
    "subject is an object": forged({"alg": "HS256"}, customer_claims(sub={}), IDENTITY_SECRET),
    "other secret": customer_jwt("x" * 40),
    "server's secret": customer_jwt(SECRET),
    "alg none": forged({"alg": "none"}, customer_claims(), ""),
    "alg RS256 over the shared secret": forged(
        {"alg": "RS256"}, customer_claims(), IDENTITY_SECRET
    ),
    "alg HS384": forged({"alg": "HS384"}, customer_claims(), IDENTITY_SECRET, "sha384"),
    "key of its own": forged(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": "eHh4"}}, customer_claims(), "xxx"
    ),
    "not a token": "c-7",
    "empty": "",
    "a visitor's": DESK.new_visitor(START),
}


@pytest.mark.parametrize("name", BAD_CUSTOMERS)
def test_customer_token_that_is_not_good_is_refused(name: str) -> None:
    assert_no_customer(BAD_CUSTOMERS[name])


def test_nobody_is_logged_in_without_a_shared_secret() -> None:
    alone = IdentityDesk(SECRET)
    for secret in (IDENTITY_SECRET, SECRET):
        with pytest.raises(NotAllowedError):
            alone.customer_of(customer_jwt(secret), SHOP_ID, START)
    with pytest.raises(NotAllowedError):  # an HMAC under an empty key is nobody's signature
        alone.customer_of(forged({"alg": "HS256"}, customer_claims(), ""), SHOP_ID, START)


# --- keys of cases, the secret itself ---------------------------------------------------------


def test_key_of_a_case_opens_this_case_only() -> None:
    key = DESK.case_key("TS-1")
    assert len(key) == 32 and DESK.opens_case("TS-1", key)
    wrong = ["", key[:-1], key.upper() + "0", "0" * 32, "\u4f60", DESK.case_key("TS-2")]
    assert [each for each in wrong if DESK.opens_case("TS-1", each)] == []
    assert IdentityDesk("y" * 40).case_key("TS-1") != key


def test_secret_is_made_once_for_this_user_only(tmp_path: Path) -> None:
    first = read_secret(tmp_path / "var", "")
    assert read_secret(tmp_path / "var", "") == first and len(first) >= 64
    assert (tmp_path / "var" / "secret.key").stat().st_mode & 0o077 == 0
    assert read_secret(tmp_path / "other", "") != first
    assert read_secret(tmp_path / "var", "configured") == "configured"


def test_secret_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")
    with pytest.raises(StorageUnavailableError):
        read_secret(tmp_path / "var", "")
