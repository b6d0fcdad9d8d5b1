"""Every prompt by name, in the words of a domain."""

from collections.abc import Iterable
from dataclasses import replace

from graphllm.errors import UnknownNameError
from graphllm.prompts import classify, enrich, neighborhood
from graphllm.prompts.domain import Domain, find_domain
from graphllm.prompts.fields import DOMAIN_FIELDS, fill_some
from graphllm.prompts.repair import REPAIR
from graphllm.prompts.template import Template


def catalog(domain: str | Domain = "generic") -> dict[str, Template]:
    """The prompts of graphllm, worded for a domain.

    | name | asks for | sees | label-aware |
    |---|---|---|---|
    | ``expand``, ``expand_labels`` | background | text | no, yes |
    | ``summarize``, ``summarize_labels`` | the core | text | no, yes |
    | ``keywords``, ``keywords_labels`` | terms | text | no, yes |
    | ``denoise`` | the text, mended | text | no |
    | ``rank_labels`` | classes, best first | text | yes |
    | ``explain`` | a class and reasons | text | yes |
    | ``rank_with_confidence`` | classes with 0 to 100 | text | yes |
    | ``neighbor_summary``, ``neighbor_summary_labels`` | what is shared | and \
neighbours | no, yes |
    | ``neighbor_contrast`` | what is special | and neighbours | no |
    | ``relevance_filter`` | numbers of neighbours | and neighbours | no |
    | ``repair`` | an answer in the right form | see :func:`repair_request` | |

    Args:
        domain (str or Domain, optional): ``"citation"``, ``"generic"``,
            ``"product"``, ``"software"``, ``"wiki"``, or your own wording.
            (default: :obj:`"generic"`)

    Returns:
        dict[str, Template]: A fresh dictionary, by name in alphabetical order.

    Raises:
        UnknownNameError: If there is no such domain.
    """
    wording = find_domain(domain)
    templates = (
        *enrich.TEMPLATES,
        *classify.TEMPLATES,
        *neighborhood.TEMPLATES,
        REPAIR,
    )
    return {
        template.name: _worded(template, wording)
        for template in sorted(templates, key=lambda template: template.name)
    }


def get_templates(
    names: Iterable[str], domain: str | Domain = "generic"
) -> list[Template]:
    """Some templates of the catalogue, in the order of ``names``.

    Args:
        names (Iterable[str]): Their names.
        domain (str or Domain, optional): See :func:`catalog`.
            (default: :obj:`"generic"`)

    Raises:
        UnknownNameError: If a name or the domain is unknown; lists the choices.
    """
    known = catalog(domain)
    known.pop(REPAIR.name)  # it asks nothing by itself
    chosen = []
    for name in [names] if isinstance(names, str) else names:
        if name not in known:
            raise UnknownNameError("prompt", name, known)
        chosen.append(known[name])
    return chosen


def _worded(template: Template, domain: Domain) -> Template:
    values = {name: getattr(domain, name) for name in DOMAIN_FIELDS}
    return replace(
        template,
        system=fill_some(template.system, values),
        user=fill_some(template.user, values),
        form=fill_some(template.form, values),
    )
