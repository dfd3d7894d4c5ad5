from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="WORKER_")

    # The defaults run without a neighbour: tasks then live only in this process.
    broker_url: str = "memory://"
    result_backend: str = "cache+memory://"
    database_url: str = "sqlite:////data/worker.sqlite3"
    inbox: Path = Path("/data/inbox")
    max_bytes: int = 64 * 1024 * 1024


settings = Settings()
