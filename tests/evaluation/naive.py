"""Every figure of metrics.json a second time: loops over lists, no numpy, nothing imported from biosyn.

A query is a dict: pmid, mention, cui, raw, found (for each part its candidates, best first, each
``(ids, number of concepts, ids of the concept that it stands for)``; the last two are needed of the best one only).
"""

import math
from itertools import permutations

SHORT = 10


def ids_of(cui):
    return {part for part in cui.replace("+", "|").split("|") if part != "-1"}


def rank_of(query):
    worst = 0
    for candidates in query["found"]:
        hits = [rank for rank, (ids, *_) in enumerate(candidates, 1) if ids & ids_of(query["cui"])]
        worst = max(worst, hits[0] if hits else math.inf)
    return worst


def strict(query):
    """The best name is one concept: the one that it stands for."""
    best = [candidates[0] for candidates in query["found"]]
    return unresolved({**query, "found": [[(ids & first, 1)] for ids, _, first in best]})


def unresolved(query):
    """Try every way of giving the gold ids to the parts; a name of several concepts is wrong."""
    gold, best = sorted(ids_of(query["cui"])), [candidates[0][:2] for candidates in query["found"]]
    if not gold or any(concepts != 1 for _, concepts in best):
        return False
    if not all(any(cui in ids for ids, _ in best) for cui in gold):
        return False
    if not all(any(cui in ids for cui in gold) for ids, _ in best):
        return False
    if len(best) > len(gold):
        return True
    return any(
        all(cui in ids for cui, (ids, _) in zip(order, best, strict=True)) for order in permutations(gold, len(best))
    )


def vocabulary(cui):
    if cui[:1] in ("D", "C") and cui[1:].isdigit() and len(cui) in (7, 10):
        return "DC".index(cui[0])
    return 2 if len(cui) == 6 and cui.isdigit() and cui[0] in "123456" else 9


def first_concept(name, concepts, by_concept, by_name):
    """The ids of the concept that a name stands for; concepts are dicts with ids and preferred_name."""

    def count(counts, concept):
        return sum(counts.get(cui, 0) for cui in set(concept["ids"]))

    def worth(concept):
        total, own = sum(count(by_concept, other) for other in concepts), by_name.get(spaced(name), {})
        prior = 10 * count(by_concept, concept) / total if total else 0
        preferred = spaced(concept["preferred_name"] or "") == spaced(name)
        cui = min(concept["ids"], key=vocabulary)
        return -(count(own, concept) + prior), not preferred, vocabulary(cui), cui

    return set(min(concepts, key=worth)["ids"])


def refined(queries, train):
    pairs = [(query["mention"], set(query["cui"].replace("+", "|").split("|"))) for query in train + queries]
    return [pairs[place] not in pairs[:place] for place in range(len(train), len(pairs))]


def short_forms(raw):
    found = []
    for token in raw.replace("/", " ").split():
        while token and not (token[0].isalnum() or token[0] == "_"):
            token = token[1:]
        while token and not (token[-1].isalnum() or token[-1] == "_"):
            token = token[:-1]
        letters = [c for c in token if c.isalpha()]
        capitals = [c for c in letters if c.isupper()]
        if 2 <= len(token) <= SHORT and len(capitals) >= 2 and len(capitals) > len(letters) - len(capitals):
            found.append(token)
    return found


def spaced(text):
    return f" {' '.join(''.join(c if c.isalnum() or ord(c) > 127 else ' ' for c in text.lower()).split())} "


def labels(query, train_mentions, train_ids):
    """The label of a query in every slice."""
    gold, parts = ids_of(query["cui"]), query["mention"].replace("|", " ").split()
    several = len([part for part in query["cui"].replace("+", "|").split("|") if part]) > 1
    short = short_forms(query["raw"])
    kept = any(spaced(form) in spaced(query["mention"]) for form in short)
    return {
        "composite": "no" if not several else "cut" if "|" in query["mention"] else "uncut",
        "tokens": str(len(parts)) if len(parts) < 5 else "5+",
        "abbreviation": "none" if not short else "kept" if kept else "expanded",
        "homonym": "yes" if any(candidates[0][1] > 1 for candidates in query["found"]) else "no",
        "mention": "seen" if query["mention"] in train_mentions else "unseen",
        "concept": "none" if not gold else "seen" if gold <= train_ids else "unseen",
    }


def worths(query, topk, dictionary_ids):
    """What a query adds to each figure."""
    rank, gold = rank_of(query), ids_of(query["cui"])
    found = {f"acc{k}": 1 if rank <= k else 0 for k in range(1, topk + 1)}
    found["mrr"] = 0 if rank > topk else 1 / rank
    found["recall_topk"] = 1 if any(ids & gold for candidates in query["found"] for ids, *_ in candidates) else 0
    found["recall_dictionary"] = 1 if gold & dictionary_ids else 0
    found["strict_acc1"] = 1 if strict(query) else 0
    found["strict_unresolved_acc1"] = 1 if unresolved(query) else 0
    return found


def columns(queries, train, topk, dictionary_ids):
    """Key of each figure -> its value for each query, None where the query does not belong to it."""
    worth = [worths(query, topk, dictionary_ids) for query in queries]
    names = [name for name in worth[0] if not name.startswith("strict")]
    found = {("protocols", "lenient", name): [row[name] for row in worth] for name in names}
    found["protocols", "strict", "acc1"] = [row["strict_acc1"] for row in worth]
    found["protocols", "strict_unresolved", "acc1"] = [row["strict_unresolved_acc1"] for row in worth]
    kept = refined(queries, train)
    if any(kept):
        for name in names:
            found["protocols", "refined", name] = [
                row[name] if keep else None for row, keep in zip(worth, kept, strict=True)
            ]
    train_ids = {cui for query in train for cui in ids_of(query["cui"])}
    label_rows = [labels(query, [other["mention"] for other in train], train_ids) for query in queries]
    for part in label_rows[0]:
        for label in {row[part] for row in label_rows}:
            for name in dict.fromkeys(["acc1", f"acc{min(5, topk)}", "strict_acc1", "strict_unresolved_acc1"]):
                pairs = zip(worth, label_rows, strict=True)
                found["slices", part, label, name] = [row[name] if of[part] == label else None for row, of in pairs]
    return found


def mean(values):
    counted = [value for value in values if value is not None]
    return math.fsum(counted) / len(counted)


def interval(values, documents, draws):
    """The percentile interval, document by document; ``draws`` holds the numbers of the documents drawn, in rows."""
    order = sorted(set(documents))
    sums = [
        [v for v, d in zip(values, documents, strict=True) if d == document and v is not None] for document in order
    ]
    totals, sizes = [math.fsum(part) for part in sums], [len(part) for part in sums]
    ratios = []
    for row in draws:
        size = sum(sizes[number] for number in row)
        if size:
            ratios.append(sum(totals[number] for number in row) / size)
    ratios.sort()
    return percentile(ratios, 0.025), percentile(ratios, 0.975)


def percentile(ordered, fraction):
    place = fraction * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
