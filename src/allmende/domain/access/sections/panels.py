"""The panels of the European Research Council (work programme of 2024), by their official names."""

from collections.abc import Mapping
from enum import StrEnum


class ErcPanel(StrEnum):
    """A field of research."""

    PE1 = "PE1"
    PE2 = "PE2"
    PE3 = "PE3"
    PE4 = "PE4"
    PE5 = "PE5"
    PE6 = "PE6"
    PE7 = "PE7"
    PE8 = "PE8"
    PE9 = "PE9"
    PE10 = "PE10"
    PE11 = "PE11"
    LS1 = "LS1"
    LS2 = "LS2"
    LS3 = "LS3"
    LS4 = "LS4"
    LS5 = "LS5"
    LS6 = "LS6"
    LS7 = "LS7"
    LS8 = "LS8"
    LS9 = "LS9"
    SH1 = "SH1"
    SH2 = "SH2"
    SH3 = "SH3"
    SH4 = "SH4"
    SH5 = "SH5"
    SH6 = "SH6"
    SH7 = "SH7"
    SH8 = "SH8"


# Official names, which have no translation.
PANEL_NAMES: Mapping[ErcPanel, str] = {
    ErcPanel.PE1: "PE1 Mathematics",
    ErcPanel.PE2: "PE2 Fundamental Constituents of Matter",
    ErcPanel.PE3: "PE3 Condensed Matter Physics",
    ErcPanel.PE4: "PE4 Physical and Analytical Chemical Sciences",
    ErcPanel.PE5: "PE5 Synthetic Chemistry and Materials",
    ErcPanel.PE6: "PE6 Computer Science and Informatics",
    ErcPanel.PE7: "PE7 Systems and Communication Engineering",
    ErcPanel.PE8: "PE8 Products and Processes Engineering",
    ErcPanel.PE9: "PE9 Universe Sciences",
    ErcPanel.PE10: "PE10 Earth System Science",
    ErcPanel.PE11: "PE11 Materials Engineering",
    ErcPanel.LS1: "LS1 Molecules of Life",
    ErcPanel.LS2: "LS2 Integrative Biology",
    ErcPanel.LS3: "LS3 Cell Biology, Development, Stem Cells and Regeneration",
    ErcPanel.LS4: "LS4 Physiology in Health, Disease and Ageing",
    ErcPanel.LS5: "LS5 Neuroscience and Disorders of the Nervous System",
    ErcPanel.LS6: "LS6 Immunity, Infection and Immunotherapy",
    ErcPanel.LS7: "LS7 Prevention, Diagnosis and Treatment of Human Diseases",
    ErcPanel.LS8: "LS8 Environmental Biology, Ecology and Evolution",
    ErcPanel.LS9: "LS9 Biotechnology and Biosystems Engineering",
    ErcPanel.SH1: "SH1 Individuals, Markets and Organisations",
    ErcPanel.SH2: "SH2 Institutions, Governance and Legal Systems",
    ErcPanel.SH3: "SH3 The Social World and Its Interactions",
    ErcPanel.SH4: "SH4 The Human Mind and Its Complexity",
    ErcPanel.SH5: "SH5 Texts and Concepts",
    ErcPanel.SH6: "SH6 The Study of the Human Past",
    ErcPanel.SH7: "SH7 Human Mobility, Environment, and Space",
    ErcPanel.SH8: "SH8 Studies of Cultures and Arts",
}
