import pytest

from graphllm.errors import UnknownNameError
from graphllm.prompts.domain import DOMAINS, Domain, find_domain


def test_the_promised_domains_exist():
    names = [domain.name for domain in DOMAINS]
    assert sorted(names) == ["citation", "generic", "product", "software", "wiki"]


def test_find_by_name_and_by_object():
    assert find_domain("citation").item == "paper"
    own = Domain("law", "ruling", "rulings", "legal area", "that quote it")
    assert find_domain(own) is own


def test_unknown_domain_lists_the_choices():
    with pytest.raises(UnknownNameError, match=r"'citations'.*Did you mean 'citation'"):
        find_domain("citations")
