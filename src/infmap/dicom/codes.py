"""Concepts of the report: public codes where there are any, else of scheme 99INFMAP."""

from __future__ import annotations

Triple = tuple[str, str, str]
"""Value, coding scheme designator and meaning."""

SCHEME = "99INFMAP"
SCHEME_NAME = "infmap private codes"

# (value, scheme, meaning). A value has 16 characters at most, else it becomes a Long Code Value,
# which readers overlook. SNOMED CT, LOINC and DICOM codes come first.
CHEST_XRAY = ("43468-8", "LN", "XR unspecified body region")
LUNG = ("39607008", "SCT", "Lung")
RIGHT_AND_LEFT = ("51440002", "SCT", "Bilateral")
RIGHT = ("24028007", "SCT", "Right")
LEFT = ("7771000", "SCT", "Left")
UPPER_ZONE = ("281392002", "SCT", "Upper zone of lung")
MIDDLE_ZONE = ("281393007", "SCT", "Middle zone of lung")
LOWER_ZONE = ("281394001", "SCT", "Lower zone of lung")
OPACITY = ("112001", "DCM", "Opacity")
COVID19 = ("840539006", "SCT", "COVID-19")
DETECTED = ("260373001", "SCT", "Detected")
NOT_DETECTED = ("260415000", "SCT", "Not detected")
SEVERITY = ("246112005", "SCT", "Severity")
GRADE_CODES = {
    "none": ("260413007", "SCT", "None"),
    "mild": ("255604002", "SCT", "Mild"),
    "moderate": ("6736007", "SCT", "Moderate"),
    "severe": ("24484000", "SCT", "Severe"),
    "critical": ("grade-critical", SCHEME, "Critical"),
}
EQUIVALENT = {
    LUNG: ("RID1301", "RADLEX", "lung"),
    OPACITY: ("RID28530", "RADLEX", "opacity"),
}
"""The same concept in RadLex, which goes along as an equivalent code (PS3.3 8.9)."""
COMMENT = ("121106", "DCM", "Comment")
REPORT = ("126000", "DCM", "Imaging Measurement Report")
ENGLISH = ("en-US", "RFC5646", "English (United States)")
SOURCE_IMAGE = ("121322", "DCM", "Source image for image processing operation")
ILLUSTRATION = ("121200", "DCM", "Illustration of ROI")
PERCENT = ("%", "UCUM", "percent")

OPACITY_SHARE = ("opacity-share", SCHEME, "Opacity, share of lung area")
INFECTED_SHARE = ("infected-share", SCHEME, "COVID-19 infected region, share of lung area")
INFECTED_SHARE_OF_ZONE = (
    "infected-zone",
    SCHEME,
    "COVID-19 infected region, share of zone area",
)
EXTENT = ("extent-score", SCHEME, "Geographic extent score")
EXTENT_LOW = ("extent-low", SCHEME, "Geographic extent score, lower end of interval")
EXTENT_HIGH = ("extent-high", SCHEME, "Geographic extent score, upper end of interval")
EXTENT_OF_LUNG = ("extent-lung", SCHEME, "Geographic extent score of one lung")
POSSIBLE_GRADE = ("grade-allowed", SCHEME, "Severity grade that the interval allows")
PROBABILITY = ("covid19-prob", SCHEME, "Probability of COVID-19")
OPERATING_POINT = ("operating-point", SCHEME, "Lowest probability at which COVID-19 is detected")

OPACITY_MAP = ("opacity-map", SCHEME, "Area of the opacity map, whatever the cause")
OPACITY_MEAN = ("opacity-map-mean", SCHEME, "Mean of the opacity map over each lung")
INFECTION_MAP = ("infection-map", SCHEME, "Area of the infection map, COVID-19 alone")
WHOLE_FILM = ("whole-film", SCHEME, "Film as a whole")

OF_EIGHT = ("{0:8}", "UCUM", "range 0..8")
OF_FOUR = ("{0:4}", "UCUM", "range 0..4")
