"""Users of an OpenID Connect provider: the authorization code flow with PKCE, and what its id token says.

The provider is asked when somebody signs in, not at the start: while it is unavailable only that fails, and who signs
in by name and password notices nothing. What is needed of Authlib is imported then too.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, get_args
from urllib.parse import urlsplit

from homecall.contract.encoding import NotUtf8, decoded
from homecall.contract.iins import without_iins
from homecall.gateways import http
from homecall.runtime.settings import Settings, SettingsError
from services.desk.domain.roles import ALL_CLINICS, Role, User

if TYPE_CHECKING:
    pass

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that the provider alone has. Not ``none``, and not HS256: its key might be a public one."""
KEEP_SECONDS: Final = 3600.0
NEW_KEYS_AFTER_SECONDS: Final = 60.0
"""How often an unknown key may make us ask for the keys again: a stranger may send tokens with any."""
LEEWAY_SECONDS: Final = 60
_TIMEOUT_SECONDS: Final = 5.0
_MOST_BYTES: Final = 1024 * 1024
_CLINIC: Final = re.compile(r"[a-z0-9-]{1,40}\Z", re.ASCII)
_ROLES: Final[tuple[Role, ...]] = get_args(Role)


class ProviderAway(Exception):
    """The provider did not answer, or not as a provider does; the text says why, for a log line."""


class NotSignedIn(Exception):
    """The provider, or what it says, does not let this user in: the key of a text, and what it names."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


class Ended(Exception):
    """The provider takes the refresh token no more: the user was removed there, or signed out."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The names of the claims; a dot leads into an object, as in ``realm_access.roles``."""

    role: str = "homecall_role"
    clinic: str = "homecall_clinic"
    doctor: str = "homecall_doctor"
    full_name: str = "name"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user whom the provider vouches for, and the token by which it is asked again; None where it gave none."""

    user: User
    refresh_token: str | None


@dataclass
class Provider:
    """The provider. ``redirect_uri`` is the desk's own address for its answers, as it is registered there."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    redirect_uri: str
    claims: Claims = Claims()
    scopes: str = "openid profile"
    secure: bool = True
    """Whether addresses must be https."""

    def __post_init__(self) -> None:
        self._metadata: dict[str, Any] = {}
        self._keys: list[dict[str, Any]] = []
        self._asked: dict[str, float] = {}
        self._lock = asyncio.Lock()

    # ------------------------------------------------------------------------------------------------- the flow

    async def address(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where the browser is sent. Raises ``ProviderAway``."""
        from authlib.common.urls import add_params_to_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        metadata = await self._discovered()
        found: str = add_params_to_uri(
            metadata["authorization_endpoint"],
            {
                "response_type": "code",
                "client_id": self.client_id,
                "redirect_uri": self.redirect_uri,
                "scope": self.scopes,
                "state": state,
                "nonce": nonce,
                "code_challenge": create_s256_code_challenge(verifier),
                "code_challenge_method": "S256",
            },
        )
        return found

    async def user_of_code(self, code: str, *, nonce: str, verifier: str) -> SignedIn:
        """The user of an authorization code. Raises ``ProviderAway`` and ``NotSignedIn``."""
        try:
            tokens = await self._tokens(
                grant_type="authorization_code",
                code=code,
                redirect_uri=self.redirect_uri,
                code_verifier=verifier,
            )
        except Ended:
            raise NotSignedIn("oidc_refused") from None
        claims = await self._verified(str(tokens.get("id_token", "")), nonce, tokens.get("access_token"))
        return SignedIn(user_of(claims, self.claims), _text(tokens.get("refresh_token")) or None)

    async def again(self, refresh_token: str) -> tuple[User | None, str]:
        """Whether the provider still knows the user: the user as it says now, where it says, and the next token.

        Raises ``Ended`` where it does not, ``NotSignedIn`` where the user may not sign in any more, ``ProviderAway``.
        """
        tokens = await self._tokens(grant_type="refresh_token", refresh_token=refresh_token)
        user = None
        if tokens.get("id_token"):
            user = user_of(await self._verified(str(tokens["id_token"]), None, None), self.claims)
        return user, _text(tokens.get("refresh_token")) or refresh_token

    # --------------------------------------------------------------------------------------------------- tokens

    async def _tokens(self, **fields: str) -> dict[str, Any]:
        metadata = await self._discovered()
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        auth: tuple[str, str] | None = (self.client_id, self.secret)
        if "client_secret_basic" not in methods:
            fields, auth = {**fields, "client_id": self.client_id, "client_secret": self.secret}, None
        status, found = await self._asked_for("POST", metadata["token_endpoint"], data=fields, auth=auth)
        if status == 200:
            return found
        if found.get("error") == "invalid_grant":
            raise Ended
        # Anything else is a fault of the settings: the user can do nothing about it, and stays signed in.
        raise ProviderAway(f"the token endpoint answered {status} {_text(found.get('error'))[:40]}")

    async def _verified(self, token: str, nonce: str | None, access_token: object) -> Mapping[str, Any]:
        """The claims of an id token that is signed by the provider, for us, now, and for this login."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        claims, header = await self._signed(token)
        options: Any = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.client_id},
        }
        params = {"client_id": self.client_id, "nonce": nonce, "access_token": _text(access_token)}
        try:
            found = CodeIDToken(claims, header, options, params)
            found.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError):
            raise NotSignedIn("oidc_refused") from None
        return dict(found)

    async def _signed(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import import_key

        kid = _header(token).get("kid")
        keys = await self._keys_of(kid)
        for each in keys:
            try:
                found = jwt.decode(token, import_key(each), algorithms=list(ALGORITHMS))
            except (JoseError, ValueError, TypeError):
                continue
            if isinstance(found.claims, dict):
                return dict(found.claims), dict(found.header)
        raise NotSignedIn("oidc_refused")

    # --------------------------------------------------------------------------------------- what is asked and kept

    async def _discovered(self) -> Mapping[str, Any]:
        async with self._lock:
            if self._metadata and not self._over("metadata", KEEP_SECONDS):
                return self._metadata
            try:
                address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
                status, found = await self._asked_for("GET", address)
                self._metadata = self._checked(status, found)
            except ProviderAway:
                if not self._metadata:
                    raise
            self._asked["metadata"] = time.monotonic()
            return self._metadata

    def _checked(self, status: int, found: dict[str, Any]) -> dict[str, Any]:
        if status != 200 or found.get("issuer") != self.issuer:
            raise ProviderAway(f"its configuration answered {status}, and does not name HOMECALL_DESK_OIDC_ISSUER")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            parts = urlsplit(_text(found.get(name)))
            if not parts.netloc or parts.scheme not in (("https",) if self.secure else ("https", "http")):
                raise ProviderAway(f"its {name} is no address to be asked")
        return found

    async def _keys_of(self, kid: object) -> Sequence[dict[str, Any]]:
        """The provider's public keys with this id; all where the token names none. An unknown id asks again."""
        uri = (await self._discovered())["jwks_uri"]
        async with self._lock:
            found = _with_id(self._keys, kid)
            wanted = KEEP_SECONDS if found else NEW_KEYS_AFTER_SECONDS
            if self._keys and not self._over("keys", wanted):
                return found
            try:
                self._keys = _public_keys(*await self._asked_for("GET", uri))
            except ProviderAway:
                if not self._keys:
                    raise
            self._asked["keys"] = time.monotonic()
            return _with_id(self._keys, kid)

    def _over(self, what: str, seconds: float) -> bool:
        return time.monotonic() - self._asked.get(what, -1e9) > seconds

    async def _asked_for(self, method: str, address: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object of an answer. Raises ``ProviderAway``."""
        import httpx

        try:
            async with (
                asyncio.timeout(_TIMEOUT_SECONDS),
                http.client(at_once=1, idle_seconds=0) as client,
                client.stream(method, address, **more) as answer,
            ):
                body = await http.body_of(answer, _MOST_BYTES)
        except http.TooLong:
            raise ProviderAway("its answer is too long") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ProviderAway(type(error).__name__) from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise ProviderAway(f"it answered {answer.status_code}")
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ProviderAway(f"it answered {answer.status_code} without a JSON object")
        return answer.status_code, found


def _header(token: str) -> dict[str, Any]:
    """The header of a token, before its signature was looked at: good for nothing but choosing the key."""
    from joserfc.jws import extract_compact

    try:
        return dict(extract_compact(token.encode()).protected)
    except Exception:
        raise NotSignedIn("oidc_refused") from None


def _public_keys(status: int, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = answer.get("keys")
    if status != 200 or not isinstance(keys, list):
        raise ProviderAway(f"its keys answered {status}")
    return [each for each in keys if isinstance(each, dict) and _public(each)]


def _with_id(keys: Sequence[dict[str, Any]], kid: object) -> Sequence[dict[str, Any]]:
    return [each for each in keys if kid is None or each.get("kid") == kid]


def _public(key: Mapping[str, Any]) -> bool:
    """Whether a key is one to check signatures with: no shared secret, and not one to encrypt with."""
    return key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


# ---------------------------------------------------------------------------------------------------------- who it is


def user_of(claims: Mapping[str, Any], names: Claims) -> User:
    """The user of these claims. Raises ``NotSignedIn`` with what the administrator of the provider has to set."""
    subject = _text(claims.get("sub"))
    full_name = " ".join(_text(_at(claims, names.full_name)).split())[:300]
    if not subject or not full_name:
        raise NotSignedIn("oidc_no_name", claim=names.full_name)
    if without_iins(subject) != subject:
        # What a user is called goes into events that many may read.
        raise NotSignedIn("oidc_iin")
    roles = [each for each in _values(_at(claims, names.role)) if each in _ROLES]
    if len(roles) != 1:
        raise NotSignedIn("oidc_no_role", claim=names.role, roles=", ".join(_ROLES))
    role: Role = next(each for each in _ROLES if each == roles[0])
    if role in ALL_CLINICS:
        return User(f"oidc:{subject}"[:200], full_name, role)
    clinics = [each for each in _values(_at(claims, names.clinic)) if _CLINIC.match(each)]
    if len(clinics) != 1:
        raise NotSignedIn("oidc_no_clinic", claim=names.clinic)
    doctor = _values(_at(claims, names.doctor))
    if role == "doctor" and len(doctor) != 1:
        raise NotSignedIn("oidc_no_doctor", claim=names.doctor)
    return User(f"oidc:{subject}"[:200], full_name, role, clinics[0], doctor[0] if role == "doctor" else None)


def _at(claims: Mapping[str, Any], name: str) -> object:
    """The claim of this name; where there is none, the one that its dots lead to."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _values(claim: object) -> list[str]:
    """The texts of a claim that holds one or several."""
    values = claim if isinstance(claim, list) else [claim]
    return [each.strip() for each in values if isinstance(each, str) and each.strip()]


# ----------------------------------------------------------------------------------------------------------- settings


def provider_from(settings: Settings) -> Provider | None:
    """The provider of the settings; None without one. Raises ``SettingsError`` with what is missing."""
    issuer = settings.desk_oidc_issuer
    if issuer is None:
        return None
    needed = {
        "HOMECALL_DESK_OIDC_CLIENT_ID": settings.desk_oidc_client_id,
        "HOMECALL_DESK_OIDC_CLIENT_SECRET_FILE": settings.desk_oidc_client_secret_file,
        "HOMECALL_DESK_URL": settings.desk_url,
    }
    for name, value in needed.items():
        if not value:
            raise SettingsError(f"{name} is missing: HOMECALL_DESK_OIDC_ISSUER needs it")
    assert settings.desk_oidc_client_secret_file is not None
    secure = settings.env != "development"
    for name, value in (("HOMECALL_DESK_OIDC_ISSUER", issuer), ("HOMECALL_DESK_URL", settings.desk_url or "")):
        if urlsplit(value).scheme != "https" and secure:
            raise SettingsError(f"{name} must begin with https://")
    try:
        secret = decoded(settings.desk_oidc_client_secret_file.read_bytes()).strip()
    except (OSError, NotUtf8) as error:
        raise SettingsError(f"HOMECALL_DESK_OIDC_CLIENT_SECRET_FILE cannot be read: {error}") from None
    if not secret:
        raise SettingsError("HOMECALL_DESK_OIDC_CLIENT_SECRET_FILE is empty")
    return Provider(
        issuer=issuer,
        client_id=settings.desk_oidc_client_id or "",
        secret=secret,
        redirect_uri=f"{(settings.desk_url or '').rstrip('/')}/login/oidc/callback",
        claims=Claims(
            role=settings.desk_oidc_role_claim,
            clinic=settings.desk_oidc_clinic_claim,
            doctor=settings.desk_oidc_doctor_claim,
            full_name=settings.desk_oidc_name_claim,
        ),
        scopes=settings.desk_oidc_scopes,
        secure=secure,
    )
