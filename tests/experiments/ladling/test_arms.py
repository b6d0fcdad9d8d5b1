from graphllm.experiments.ladling.arms import METHODS, NOTES, ROLES, role_of


def test_every_arm_has_a_note_and_a_role():
    assert set(METHODS) <= set(NOTES)
    assert set(ROLES) <= set(NOTES)
    assert {role_of(arm) for arm in NOTES} == {"baseline", "bound", "control", "method"}
    assert role_of("gis") == "method"
