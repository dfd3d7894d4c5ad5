import os

from fastapi import FastAPI, HTTPException
from openai import AsyncOpenAI, OpenAIError
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings

from prompt_service import templates, tokens


class Settings(BaseSettings):
    model_url: str = ""
    model_key: str = "none"
    model_name: str = "small"
    token_limit: int = 8000


settings = Settings()
app = FastAPI(title="Prompt")
if os.environ.get("OTEL_TRACES_EXPORTER"):
    FastAPIInstrumentor.instrument_app(app)


class Prompt(BaseModel):
    template: str = Field(max_length=100_000)
    variables: dict[str, object] = {}


class Rendered(BaseModel):
    text: str
    tokens: int


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/variables")
async def variables(prompt: Prompt) -> list[str]:
    try:
        return templates.variables_of(prompt.template)
    except templates.BadTemplate as error:
        raise HTTPException(422, str(error)) from error


@app.post("/render")
async def render(prompt: Prompt) -> Rendered:
    try:
        text = templates.render(prompt.template, prompt.variables)
    except templates.BadTemplate as error:
        raise HTTPException(422, str(error)) from error
    return Rendered(text=text, tokens=tokens.estimate(text))


@app.post("/answer")
async def answer(prompt: Prompt) -> dict[str, str | None]:
    rendered = await render(prompt)
    if not settings.model_url:
        raise HTTPException(503, "no model is configured")
    if rendered.tokens > settings.token_limit:
        raise HTTPException(413, f"{rendered.tokens} tokens, {settings.token_limit} allowed")
    client = AsyncOpenAI(base_url=settings.model_url, api_key=settings.model_key, timeout=60)
    try:
        reply = await client.chat.completions.create(
            model=settings.model_name, messages=[{"role": "user", "content": rendered.text}]
        )
    except OpenAIError as error:
        raise HTTPException(502, f"the model did not answer: {error}") from error
    return {"answer": reply.choices[0].message.content}
