import subprocess
from pathlib import PurePath
from zipfile import BadZipFile

from fastapi import FastAPI, HTTPException, UploadFile

from x2text import extract

LIMIT = 32 * 1024 * 1024

app = FastAPI(title="x2text")


@app.get("/health")
def health() -> dict[str, object]:
    return {"status": "ok", "reads": sorted(extract.BY_SUFFIX)}


# A plain function: the framework then runs it beside its loop, which extraction would block.
@app.post("/extract")
def read(file: UploadFile) -> dict[str, object]:
    suffix = PurePath(file.filename or "").suffix.lower()
    reader = extract.BY_SUFFIX.get(suffix)
    if reader is None:
        raise HTTPException(415, f"cannot read {suffix or 'files without a suffix'}")
    data = file.file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise HTTPException(413, f"larger than {LIMIT} bytes")
    try:
        text = reader(data)
    except (extract.Unreadable, BadZipFile, KeyError) as error:
        raise HTTPException(422, str(error)) from error
    except (subprocess.TimeoutExpired, RuntimeError) as error:
        raise HTTPException(504, "extraction took too long") from error
    return {"name": file.filename, "characters": len(text), "text": text}
