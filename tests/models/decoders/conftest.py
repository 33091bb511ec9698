"""segmentation_models.pytorch imports torchvision, which must be importable first."""

from infmap.models._torchvision import ensure_importable

ensure_importable()
