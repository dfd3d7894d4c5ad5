from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from datasets.views import DatasetList, health

urlpatterns = [
    path("health", health),
    path("api/schema", SpectacularAPIView.as_view()),
    path("api/v1/datasets", DatasetList.as_view()),
    path("api/v1/datasets/", include("datasets.urls")),
]
