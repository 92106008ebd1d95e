"""Scores answers of labelled questions: keywords, citations, refusals. Standard library only."""

import re
import unicodedata

NEGATIVE = ("unanswerable", "forbidden")


def flat(text):
    """NFKC, lower case, thousands separators and white space removed."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = re.sub(r"(?<=\d)[,\s](?=\d{3}(\D|$))", "", text)
    return re.sub(r"\s+", "", text)


def has_keyword(keyword, answer):
    """Whether the answer holds it; a number only as a number of its own ("5" is not in "15")."""
    keyword, answer = flat(keyword), flat(re.sub(r"\[\d+\]", " ; ", answer))
    left = r"(?<!\d)(?<!\d\.)" if keyword[0].isdigit() else ""
    right = r"(?!\d)(?!\.\d)" if keyword[-1].isdigit() else ""
    return re.search(left + re.escape(keyword) + right, answer) is not None


def has_keywords(groups, answer):
    """Every group by one of its alternatives."""
    return bool(groups) and all(any(has_keyword(k, answer) for k in group) for group in groups)


def score(question, result):
    """{"kind", "right", "cited", "refused", "leaked"} of one `hadal ask -o json` result. `right`: of an
    answerable question its keywords, of the others the refusal."""
    negative = question["kind"] in NEGATIVE
    answer, refused = result["answer"], result["refused"]
    documents = set(question["documents"])
    seen = {c["document"] for c in result["citations"]} | {r["document"] for r in result["retrieved"]}
    forbidden = question["kind"] == "forbidden"
    right = refused if negative else not refused and has_keywords(question["answer_keywords"], answer)
    return {
        "kind": question["kind"],
        "right": right,
        "cited": not negative and any(c["document"] in documents for c in result["citations"]),
        "refused": refused,
        "leaked": forbidden and (bool(seen & documents) or
                                 has_keywords(question.get("forbidden_keywords", []), answer)),
    }


def summarise(scores):
    """Counts over all questions; see score()."""
    positive = [s for s in scores if s["kind"] not in NEGATIVE]
    count = lambda items, test: sum(1 for item in items if test(item))
    summary = {
        "answerable": len(positive),
        "right": count(positive, lambda s: s["right"]),
        "right_and_cited": count(positive, lambda s: s["right"] and s["cited"]),
        "false_refusals": count(positive, lambda s: s["refused"]),
        "leaked": count(scores, lambda s: s["leaked"]),
    }
    for kind in NEGATIVE:
        of_kind = [s for s in scores if s["kind"] == kind]
        summary[kind] = len(of_kind)
        summary[f"{kind}_refused"] = count(of_kind, lambda s: s["refused"])
    return summary
