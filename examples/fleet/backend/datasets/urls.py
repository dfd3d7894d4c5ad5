from django.urls import path

from datasets import views

urlpatterns = [
    path("<uuid:dataset_id>/summary", views.summary),
    path("<uuid:dataset_id>/outliers", views.outliers),
]
