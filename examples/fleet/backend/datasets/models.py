import uuid
from pathlib import Path

from django.conf import settings
from django.db import models


class Dataset(models.Model):
    """An uploaded table. Its rows live in a Parquet file named after its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=100)
    rows = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created"]

    @property
    def file(self) -> Path:
        return settings.DATA_DIR / "tables" / f"{self.id}.parquet"
