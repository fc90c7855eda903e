"""Runs in .venv-open-reader: one open reader, one thread. A line of JSON in, a line of JSON out.

In: {"file": path, "is_cut": whether the picture is one plate}. Out: {"reads": [{"text", "confidence", "corners"}],
"wall_ms", "cpu_ms"}, corners [[x, y] * 4] or null; or {"error"}. The first line out is {"ready": versions}.

rapidocr: PP-OCRv4 as rapidocr-onnxruntime ships it; on whole pictures its text finder, then every line it reads.
agentclpr: its plate finder and its PP-OCRv2 fine-tuned on Chinese plates; a cut-out is read as the finder's own are.
"""

import json
import logging
import os
import sys
import time
from importlib.metadata import version

os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np
import onnxruntime as ort


class Rapid:
    packages = ("rapidocr-onnxruntime", "onnxruntime")

    def __init__(self):
        from rapidocr_onnxruntime import RapidOCR

        self._read = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1, print_verbose=False)

    def cut(self, picture):
        found, _ = self._read(picture, use_det=False, use_cls=False, use_rec=True)
        return [(text, float(score), None) for text, score in found or []]

    def whole(self, picture):
        found, _ = self._read(picture, use_det=True, use_cls=False, use_rec=True)
        return [(text, float(score), corners) for corners, text, score in found or []]


class Agent:
    packages = ("agentclpr", "agentocr", "onnxruntime")

    def __init__(self):
        from agentclpr.infer.system import CLPSystem

        self._system = CLPSystem(providers="cpu")

    def cut(self, picture):
        height, width = picture.shape[:2]
        plate = cv2.resize(picture, (256, max(8, round(256 / width * height))))
        padded = np.pad(plate, ((100, 100), (100, 100), (0, 0)), mode="constant", constant_values=255)
        found = self._system.ocr(padded)
        return (
            [("".join(row[1][0] for row in found), float(np.prod([row[1][1] for row in found])), None)] if found else []
        )

    def whole(self, picture):
        border = cv2.copyMakeBorder(picture, 24, 24, 24, 24, cv2.BORDER_REPLICATE)  # it fails at plates near the edge
        rows = self._system(border)
        return [(text, float(score), (np.array(points) - 24).tolist()) for points, (text, score) in rows]


READERS = {"rapidocr": Rapid, "agentclpr": Agent}


def main():
    answers, sys.stdout = sys.stdout, sys.stderr  # what the readers print is no answer
    cv2.setNumThreads(1)
    plain = ort.InferenceSession

    def single(*arguments, sess_options=None, **options):
        sess_options = sess_options or ort.SessionOptions()
        sess_options.intra_op_num_threads = sess_options.inter_op_num_threads = 1
        return plain(*arguments, sess_options=sess_options, **options)

    ort.InferenceSession = single
    kind = READERS[sys.argv[1]]
    reader = kind()
    logging.disable(logging.CRITICAL)

    def say(row):
        print(json.dumps(row, ensure_ascii=False), file=answers, flush=True)

    say({"ready": {name: version(name) for name in kind.packages}})
    for line in sys.stdin:
        asked = json.loads(line)
        picture = cv2.imread(asked["file"], cv2.IMREAD_COLOR)
        if picture is None:
            say({"error": "not a picture"})
            continue
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            rows = reader.cut(picture) if asked["is_cut"] else reader.whole(picture)
        except Exception as error:  # whatever the reader throws is its answer to this picture
            rows, failed = [], repr(error)
        else:
            failed = ""
        took = {"wall_ms": (time.perf_counter() - wall) * 1000, "cpu_ms": (time.process_time() - cpu) * 1000}
        reads = [{"text": text, "confidence": score, "corners": corners} for text, score, corners in rows]
        say({"reads": reads, "failed": failed, **took})


if __name__ == "__main__":
    main()
