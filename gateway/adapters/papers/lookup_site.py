"""The national look-up over HTTP: services.papers_port.NationalLookup. Ways, words and bounds: dictionary/papers.toml.

The real site asks for a captcha and has no published interface; whoever has an interface (a city platform, a licensed
service) names its address in [lookup]. Without one a person asks by hand, and the queue says so.
"""

from __future__ import annotations

import json
from urllib.parse import urljoin

import requests

from gateway.domain.papers import RESULTS, LookupAnswer, Way, answer_values, lookup_terms


class LookupSite:
    """base_url: ends with /."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def ask(self, way: Way, question: dict[str, str]) -> LookupAnswer:
        terms = lookup_terms()
        try:
            with requests.post(
                urljoin(self._base_url, way.path),
                json=question,
                timeout=terms.timeout_s,
                allow_redirects=False,
                stream=True,
            ) as response:
                raw = response.raw.read(terms.max_bytes + 1, decode_content=True)
        except (requests.RequestException, OSError) as error:
            return LookupAnswer("away", note=f"没有应答 no answer: {type(error).__name__}")
        if response.status_code != 200 or len(raw) > terms.max_bytes:
            return LookupAnswer("away", note=f"HTTP {response.status_code}, {len(raw)} bytes")
        try:
            doc = json.loads(raw)
            result, vehicle = doc["result"], doc.get("vehicle") or {}
        except (ValueError, KeyError, TypeError, AttributeError):
            return LookupAnswer("away", note="不是约定的应答 not the answer agreed on")
        if result not in RESULTS or not isinstance(vehicle, dict):
            return LookupAnswer("away", note=f"result {str(result)[:40]!r}; allowed: {', '.join(RESULTS)}")
        values = answer_values(vehicle) if result == "found" else {}
        return LookupAnswer(result, values, raw, str(doc.get("note", ""))[:200])
