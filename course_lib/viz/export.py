"""LaTeX and PDF: nbconvert puts a picture of the course into them once its bytes stand in the output as image/png, too.

A notebook holds each picture once, as an `<img>` with its words, which LaTeX cannot read. The settings in `.jupyter`
name `Pictures` to JupyterLab and to nbconvert. Leaves out: the words, for which LaTeX's pictures have no place.
"""
import re

from nbconvert.preprocessors import ExtractOutputPreprocessor


class Pictures(ExtractOutputPreprocessor):
    """Takes the picture out of each output that has one as text/html alone, and names its file to the template."""

    def preprocess_cell(self, cell, resources, cell_index):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if found := re.search(r'<img src="data:image/png;base64,([^"]+)"', data.get("text/html", "")):
                data.setdefault("image/png", found[1])
        return super().preprocess_cell(cell, resources, cell_index)
