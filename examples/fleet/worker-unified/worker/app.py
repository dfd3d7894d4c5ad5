import os

from celery import Celery
from celery.signals import worker_process_init
from opentelemetry.instrumentation.celery import CeleryInstrumentor

from worker.settings import settings

app = Celery("fleet", broker=settings.broker_url, backend=settings.result_backend)
app.conf.update(
    include=["worker.tasks"],
    task_acks_late=True,
    task_time_limit=300,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


@worker_process_init.connect(weak=False)
def trace(**_kwargs) -> None:
    if os.environ.get("OTEL_TRACES_EXPORTER"):
        CeleryInstrumentor().instrument()
