"""Beside the literature: published findings on warmup, and what the registered claims say of the same question."""

from collections.abc import Sequence
from dataclasses import dataclass

from warmuplab.claims.judge import Judged
from warmuplab.report.tables import ResultTable
from warmuplab.report.verdicts import with_interval


@dataclass(frozen=True)
class Finding:
    """What a publication found, and the claim that asks the same here."""

    source: str
    finding: str
    measured: str
    """On what, and by what measure."""
    claim: str
    agrees: bool = True
    """Whether support of the claim is what they found; else its refutation is."""
    related: bool = False
    """Whether the claim asks something near to it by another measure."""


FINDINGS = (
    Finding(
        "Xiong et al. 2020, arXiv 2002.04745",
        "Post-LN depends on warmup: its gradients are large near the output at the start",
        "BLEU and validation loss of translation (IWSLT14, WMT14) and BERT; theory of gradients at initialisation",
        "post-ln-needs-it",
    ),
    Finding(
        "Xiong et al. 2020, arXiv 2002.04745",
        "Pre-LN trains as well without warmup",
        "the same",
        "pre-ln-does-not",
    ),
    Finding(
        "Gotmare et al. 2018, arXiv 1810.13243",
        "Warmup keeps the deeper layers from making training unstable; freezing them early does the same",
        "similarity of layers (CCA) and accuracy of convolutional networks on images, large batches",
        "deep-layers-need-it",
    ),
    Finding(
        "Wortsman et al. 2023, arXiv 2309.14322",
        "Longer warmup makes the final loss less sensitive to the learning rate",
        "mean excess loss over a range of rates, decoder-only transformers up to 1.2 billion weights",
        "larger-rates",
        related=True,
    ),
    Finding(
        "Kalra and Barkeshli 2024, arXiv 2406.09405",
        "What warmup is for: it makes larger rates usable",
        "loss over target rate and length of warmup; SGD and Adam, several networks",
        "larger-rates",
    ),
    Finding(
        "Kalra and Barkeshli 2024, arXiv 2406.09405",
        "It does so by forcing the network into flatter regions",
        "largest eigenvalue of the Hessian as the optimizer sees it, along training",
        "sharpness-falls",
    ),
    Finding(
        "Kalra and Barkeshli 2024, arXiv 2406.09405",
        "Adam's second moment started from the first gradient (GI-Adam) brings benefits like warmup's",
        "the largest rate that trains, and final performance",
        "gi-adam-replaces-it",
    ),
    Finding(
        "Liu et al. 2020, arXiv 1908.03265",
        "RAdam without warmup matches Adam with tuned warmup",
        "accuracy on images, perplexity of language models, BLEU of translation",
        "radam-replaces-it",
    ),
    Finding(
        "Ma and Yarats 2021, arXiv 1910.04209",
        "Adam with 2 / (1 - beta2) steps of linear warmup, untuned, does the same as RAdam",
        "the same kinds of tasks",
        "radam-replaces-it",
    ),
    Finding(
        "Kosson et al. 2024, arXiv 2410.23922",
        "Early updates are too large by angle and by what they change in representations; warmup limits them",
        "size of updates by several metrics and final loss, small GPT, AdamW and Lion",
        "distribution-stability",
    ),
    Finding(
        "Devlin et al. 2019 (BERT), arXiv 1810.04805",
        "Pre-training warms up for 10,000 of 1,000,000 steps, 1 %; the habit of 10 % comes from its fine-tuning code",
        "what was used, not what was compared",
        "ten-percent",
    ),
)


def direction(finding: Finding, one: Judged) -> str:
    """Whether this study points the same way as a finding."""
    verdict, deciding = one.verdict.verdict, one.verdict.deciding
    if verdict in ("supported", "refuted"):
        same = (verdict == "supported") == finding.agrees
        if same and deciding.contrast.margin < 0 and deciding.interval[1] < 0:
            return f"within {-deciding.contrast.margin:g} {deciding.contrast.unit}, but worse"
        return f"{'same' if same else '**opposite**'}{', by another measure' if finding.related else ''}"
    return {"supported in part": "same in part", "no difference": "no difference here"}.get(verdict, verdict)


def literature_section(judged: Sequence[Judged]) -> list[str]:
    """The table, and how to read it."""
    claims = {one.claim.id: one for one in judged}
    rows = []
    for finding in (finding for finding in FINDINGS if finding.claim in claims):
        one = claims[finding.claim]
        deciding = one.verdict.deciding
        effect = with_interval(deciding.effect, deciding.interval, deciding.contrast.unit)
        here = f"[{one.claim.title}](#{finding.claim}): {effect}"
        rows.append([finding.source, finding.finding, finding.measured, here, direction(finding, one)])
    table = ResultTable(["Published", "What they found", "How they measured it", "Here", "Direction"], rows)
    return [
        "## Beside the literature",
        "Networks, data and measures differ, so *same* means the same direction of an effect and no more. The notes'"
        " 10 % is the share that they advise; BERT's row says where that habit comes from.",
        table.markdown(),
    ]
