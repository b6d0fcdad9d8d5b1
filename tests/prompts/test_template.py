import dataclasses

import pytest

from graphllm.prompts import NodeView, Template, prose


def test_id_is_name_and_version():
    template = Template("expand", 3, "", "{text}", prose)
    assert template.id == "expand@3"
    assert dataclasses.replace(template, version=4).id == "expand@4"


def test_a_view_has_no_field_for_the_nodes_own_label():
    names = {field.name for field in dataclasses.fields(NodeView)}
    assert names == {"node", "text", "neighbors", "neighbor_labels", "label_names"}


def test_templates_are_immutable():
    template = Template("expand", 1, "", "{text}", prose)
    with pytest.raises(dataclasses.FrozenInstanceError):
        template.user = "other"
