import pytest
from cryptography.fernet import Fernet

from platform_service.app import create_app
from platform_service.vault import Vault


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setenv("ADMIN_KEY", "root")
    return create_app(Vault("sqlite://", Fernet.generate_key())).test_client()


ADMIN = {"Authorization": "Bearer root"}


def test_a_setting_is_readable_with_the_services_key_only(client):
    key = client.post("/services/prompt/key", headers=ADMIN).json["key"]
    path = "/services/prompt/settings"
    assert client.put(f"{path}/model", json={"value": "small"}, headers=ADMIN).status_code == 204
    assert client.get(path, headers={"Authorization": f"Bearer {key}"}).json == {"model": "small"}
    assert client.get(path, headers={"Authorization": "Bearer guess"}).status_code == 403


def test_only_the_admin_writes(client):
    assert client.put("/services/a/settings/b", json={"value": "c"}).status_code == 403
