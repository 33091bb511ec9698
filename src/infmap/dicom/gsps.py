"""Contours over the film as it is: a Grayscale Softcopy Presentation State (PS3.3 A.33.1)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from infmap.core.errors import UnreadableFilm
from infmap.core.types import BoolImage, Prediction
from infmap.dicom import elements
from infmap.dicom.derived import (
    NOTICE,
    SERIES_PR,
    check_extra,
    equipment,
    guarded,
    identity_of,
    tracking_of,
)
from infmap.dicom.lut import Lut, is_big_endian, lut_of
from infmap.dicom.moment import film_moment, stamp
from infmap.dicom.orient import as_stored
from infmap.dicom.outline import outlines
from infmap.dicom.regions import Regions
from infmap.dicom.seg import (
    INFECTED_LEFT,
    INFECTED_RIGHT,
    LUNG_LEFT,
    LUNG_RIGHT,
    OPACITY,
    Segment,
)
from infmap.dicom.uids import uid_from

if TYPE_CHECKING:
    from highdicom.content import (
        ModalityLUTTransformation,
        PresentationLUTTransformation,
    )
    from highdicom.pr import (
        GraphicAnnotation,
        GraphicLayer,
        GrayscaleSoftcopyPresentationState,
        SoftcopyVOILUTTransformation,
    )
    from pydicom.dataset import Dataset

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
# Part of the displayed area, (column, row): a strip along the lower edge, for two lines of text.
_NOTICE_BOX = (0.0, 0.93, 0.7, 0.99)


def presentation_state(
    source: Dataset, prediction: Prediction, *, when: datetime | None = None
) -> GrayscaleSoftcopyPresentationState:
    """Make a presentation state that draws the regions' outlines over one film.

    One layer each for lungs, infected region, opacity, and the words "research use only". Lines
    lie in the grid that the film is stored in. The film looks as its own header says: modality
    LUT, window or VOI LUT, polarity; what is broken of them is left out.

    Args:
        source: the film, with or without pixels; left as it is.
        prediction: what the system says of it.
        when: date and time of the content; the film's without it.

    Returns:
        The object, ready for ``save_as``. Patient and study are the film's, see ``film_header``
        for what is repaired. The same content of the same film has the same UIDs, and with the
        same ``when`` the same bytes.

    Raises:
        MissingExtra: highdicom is not installed.
        UnreadableFilm: a colour film, which such a state cannot show, or a damaged header.
    """
    check_extra()
    import highdicom as hd

    from infmap.dicom.header import film_header

    p = prediction
    with guarded("a DICOM film to draw on"):
        if not is_grey(source):
            raise UnreadableFilm("expected a grey film for a presentation state, got a colour one")
        header = film_header(source, p.radiograph.sha256).dataset
        header.SamplesPerPixel = 1
        header.Rows, header.Columns = as_stored(p.lungs, source).shape
        drawn = _Drawing(source, header, p)
        layers, annotations = drawn.layers, drawn.annotations
        content = "".join(annotation.to_json() for annotation in annotations)
        uid = uid_from("gsps", *identity_of(header, p), content)
        made = hd.pr.GrayscaleSoftcopyPresentationState(
            referenced_images=[header],
            series_instance_uid=uid_from("series", uid),
            series_number=SERIES_PR,
            sop_instance_uid=uid,
            content_label="INFECTION",
            content_description=NOTICE,
            graphic_annotations=annotations,
            graphic_layers=layers,
            modality_lut_transformation=_modality(source),
            voi_lut_transformations=_voi(source),
            presentation_lut_transformation=_polarity(source),
            **equipment("Contours", p.model),
        )
        made.BodyPartExamined = "CHEST"
        stamp(made, when or film_moment(source))
    return made


def is_grey(source: Dataset) -> bool:
    """Whether a film has one sample a pixel, as a presentation state of this kind needs."""
    return elements.whole(source, "SamplesPerPixel", 1) == 1


class _Drawing:
    """Layers and lines of one film.

    Args:
        source: the film.
        header: of ``film_header``, with rows and columns.
        p: what the system says of it.
    """

    def __init__(self, source: Dataset, header: Dataset, p: Prediction) -> None:
        import highdicom as hd

        self.source, self.header, self.p = source, header, p
        self.layers: list[GraphicLayer] = []
        self.annotations: list[GraphicAnnotation] = []
        r = Regions.of(p)
        self._draw("LUNGS", (LUNG_RIGHT, r.right), (LUNG_LEFT, r.left))
        self._draw(
            "INFECTION", (INFECTED_RIGHT, r.infected_right), (INFECTED_LEFT, r.infected_left)
        )
        self._draw("OPACITY", (OPACITY, r.opaque))
        text = hd.pr.TextObject(
            f"RESEARCH USE ONLY\n{p.model}; severity {p.severity.grade}",
            units="DISPLAY",
            bounding_box=_NOTICE_BOX,
            text_justification="LEFT",
        )
        self._add("NOTICE", "Research use only", (255, 255, 255), [], [text])

    def _draw(self, name: str, *parts: tuple[Segment, BoolImage]) -> None:
        """A layer with the outlines of some regions; none where all are empty."""
        import highdicom as hd

        lines = [
            hd.pr.GraphicObject(
                graphic_type="POLYLINE",
                graphic_data=line.astype(np.float32),
                units="PIXEL",
                tracking_id=segment.label,
                tracking_uid=tracking_of(self.header, self.p.model, segment.label),
            )
            for segment, region in parts
            for line in outlines(as_stored(region, self.source))
        ]
        if lines:
            segment = parts[0][0]
            self._add(name, ", ".join(s.label for s, _ in parts), segment.rgb, lines, [])

    def _add(
        self,
        name: str,
        text: str,
        rgb: tuple[int, int, int],
        lines: list[Dataset],
        texts: list[Dataset],
    ) -> None:
        import highdicom as hd

        colour = hd.color.CIELabColor.from_rgb(*rgb)
        layer = hd.pr.GraphicLayer(name, len(self.layers) + 1, text[:64], display_color=colour)
        self.layers.append(layer)
        self.annotations.append(
            hd.pr.GraphicAnnotation(
                [self.header],
                graphic_layer=layer,
                graphic_objects=lines or None,
                text_objects=texts or None,
            )
        )


def _modality(source: Dataset) -> ModalityLUTTransformation | None:
    """The film's modality LUT, or its rescale; None where it states neither, or nothing usable."""
    import highdicom as hd

    table = _table(source, "ModalityLUTSequence")
    if table is not None:
        made = hd.ModalityLUT("US", table.first, table.entries)
        return hd.ModalityLUTTransformation(modality_lut=made)
    slope = elements.number(source, "RescaleSlope")
    intercept = elements.number(source, "RescaleIntercept")
    if not slope or intercept is None:
        return None
    return hd.ModalityLUTTransformation(
        rescale_intercept=intercept, rescale_slope=slope, rescale_type="US"
    )


def _voi(source: Dataset) -> list[SoftcopyVOILUTTransformation] | None:
    """The film's first window, else its first VOI LUT; None where there is nothing usable."""
    import highdicom as hd

    center = elements.number(source, "WindowCenter")
    width = elements.number(source, "WindowWidth")
    function = elements.text(source, "VOILUTFunction")
    known = function if function in _FUNCTIONS else "LINEAR"
    # PS3.3 C.11.2.1.2: a LINEAR window is at least 1 wide, the others above 0.
    if center is not None and width is not None and width >= (1.0 if known == "LINEAR" else 1e-6):
        window = hd.pr.SoftcopyVOILUTTransformation(
            window_center=center, window_width=width, voi_lut_function=known
        )
        return [window]
    table = _table(source, "VOILUTSequence")
    if table is None:
        return None
    made = hd.VOILUT(table.first, table.entries)
    return [hd.pr.SoftcopyVOILUTTransformation(voi_luts=[made])]


def _table(source: Dataset, keyword: str) -> Lut | None:
    """The first usable lookup table of a sequence.

    One that starts below zero is left out: its sign cannot be told without the pixels.
    """
    tables = (lut_of(item, is_big_endian(source)) for item in elements.items(source, keyword))
    signed = elements.whole(source, "PixelRepresentation", 0) == 1
    usable = (t for t in tables if t is not None and not (signed and t.first >= 0x8000))
    return next(usable, None)


def _polarity(source: Dataset) -> PresentationLUTTransformation:
    """Inverse where low values are bright: a presentation state has no Photometric Interpretation.

    PS3.3 C.11.6: what it says of the polarity replaces what the film says.
    """
    import highdicom as hd

    shape = elements.text(source, "PresentationLUTShape")
    inverse = elements.text(source, "PhotometricInterpretation") == "MONOCHROME1"
    if shape in ("IDENTITY", "INVERSE"):
        inverse = shape == "INVERSE"
    return hd.PresentationLUTTransformation(
        presentation_lut_shape="INVERSE" if inverse else "IDENTITY"
    )
