import hmac
import os

from cryptography.fernet import Fernet
from dotenv import load_dotenv
from flask import Flask, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest
from pydantic import BaseModel, Field, ValidationError

from platform_service.vault import Vault

READS = Counter("platform_setting_reads", "Settings handed out", ["service"])


class Value(BaseModel):
    value: str = Field(max_length=64 * 1024)


def create_app(vault: Vault | None = None) -> Flask:
    load_dotenv()
    app = Flask(__name__)
    admin_key = os.environ.get("ADMIN_KEY", "")
    if vault is None:
        # Without a key of its own an instance can only keep settings for as long as it runs.
        key = os.environ.get("ENCRYPTION_KEY", "").encode() or Fernet.generate_key()
        vault = Vault(os.environ.get("DATABASE_URL", "sqlite://"), key)

    def bearer() -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""

    def require_admin() -> None:
        if not admin_key or not hmac.compare_digest(bearer(), admin_key):
            abort(403)

    @app.get("/health")
    def health():
        return jsonify(status="ok")

    @app.get("/metrics")
    def metrics():
        return generate_latest(), 200, {"Content-Type": CONTENT_TYPE_LATEST}

    @app.post("/services/<service>/key")
    def issue(service: str):
        require_admin()
        return jsonify(key=vault.issue_key(service)), 201

    @app.get("/services/<service>/settings")
    def read(service: str):
        if not vault.accepts(service, bearer()):
            abort(403)
        READS.labels(service).inc()
        return jsonify(vault.all(service))

    @app.put("/services/<service>/settings/<key>")
    def write(service: str, key: str):
        require_admin()
        try:
            body = Value.model_validate_json(request.get_data())
        except ValidationError as error:
            return jsonify(error=error.errors(include_url=False, include_input=False)), 422
        vault.put(service, key, body.value)
        return "", 204

    @app.delete("/services/<service>/settings/<key>")
    def remove(service: str, key: str):
        require_admin()
        return ("", 204) if vault.drop(service, key) else abort(404)

    return app
