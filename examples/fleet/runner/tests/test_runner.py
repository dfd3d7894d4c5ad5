from runner.main import make_app
from runner.tools import OUTPUT_LIMIT, Tool, run


async def test_runs_and_remembers(aiohttp_client):
    client = await aiohttp_client(make_app({"size": Tool(command=["wc", "-c", "{}"], seconds=5)}))
    made = await (await client.post("/tools/size/runs", data=b"12345")).json()
    assert made["status"] == 0 and made["output"].startswith("5 ")
    assert await (await client.get(f"/runs/{made['id']}")).json() == made


async def test_knows_only_its_tools(aiohttp_client):
    client = await aiohttp_client(make_app({}))
    assert (await client.post("/tools/rm/runs")).status == 404


async def test_stops_what_takes_too_long():
    outcome = await run(Tool(command=["sleep", "60"], seconds=0.2), b"")
    assert outcome.timed_out and outcome.seconds < 10


async def test_stops_what_prints_too_much():
    outcome = await run(Tool(command=["yes"], seconds=30), b"")
    assert len(outcome.output) == OUTPUT_LIMIT and not outcome.timed_out
