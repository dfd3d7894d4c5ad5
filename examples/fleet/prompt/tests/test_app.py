from fastapi.testclient import TestClient

from prompt_service.app import app

client = TestClient(app)


def test_renders():
    body = {"template": "Hello {{ name | squeeze }}!", "variables": {"name": " a  b "}}
    assert client.post("/render", json=body).json() == {"text": "Hello a b!", "tokens": 3}


def test_names_what_is_missing():
    assert client.post("/variables", json={"template": "{{ b }}{{ a }}"}).json() == ["a", "b"]
    assert client.post("/render", json={"template": "{{ a }}"}).status_code == 422


def test_the_sandbox_holds():
    body = {"template": "{{ ''.__class__.__mro__ }}"}
    assert client.post("/render", json=body).status_code == 422


def test_says_that_there_is_no_model():
    assert client.post("/answer", json={"template": "x"}).status_code == 503
