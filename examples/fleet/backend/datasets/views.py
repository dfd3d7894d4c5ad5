from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.parsers import FileUploadParser
from rest_framework.response import Response
from rest_framework.views import APIView

from datasets import tables
from datasets.models import Dataset


class DatasetSerializer(serializers.ModelSerializer):
    class Meta:
        model = Dataset
        fields = ["id", "name", "media_type", "rows", "columns", "created"]


class OutlierQuery(serializers.Serializer):
    column = serializers.CharField()
    threshold = serializers.FloatField(default=3.0, min_value=0.5, max_value=10)


@extend_schema(exclude=True)
@api_view(["GET"])
def health(_request):
    return Response({"status": "ok", "datasets": Dataset.objects.count()})


class DatasetList(APIView):
    parser_classes = [FileUploadParser]

    @extend_schema(responses=DatasetSerializer(many=True))
    def get(self, _request):
        return Response(DatasetSerializer(Dataset.objects.all()[:100], many=True).data)

    @extend_schema(request={"text/csv": OpenApiTypes.BINARY}, responses={201: DatasetSerializer})
    def post(self, request):
        upload = request.data["file"]
        if upload.size > settings.MAX_UPLOAD_BYTES:
            return Response(
                {"error": "the file is too large"}, status=status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
            )
        try:
            frame, media_type = tables.read(upload.read())
        except tables.UnreadableTable as error:
            return Response({"error": str(error)}, status=status.HTTP_422_UNPROCESSABLE_ENTITY)
        dataset = Dataset(
            name=upload.name, media_type=media_type, rows=len(frame), columns=len(frame.columns)
        )
        tables.store(frame, dataset.file)
        dataset.save()
        return Response(DatasetSerializer(dataset).data, status=status.HTTP_201_CREATED)


@extend_schema(responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def summary(_request, dataset_id):
    dataset = get_object_or_404(Dataset, id=dataset_id)
    return Response(tables.summary(tables.load(dataset.file)))


@extend_schema(parameters=[OutlierQuery], responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def outliers(request, dataset_id):
    dataset = get_object_or_404(Dataset, id=dataset_id)
    query = OutlierQuery(data=request.query_params)
    query.is_valid(raise_exception=True)
    frame = tables.load(dataset.file)
    column = query.validated_data["column"]
    if column not in frame.columns:
        return Response({"error": f"no column {column}"}, status=status.HTTP_404_NOT_FOUND)
    return Response(tables.outliers(frame, column, query.validated_data["threshold"]))
