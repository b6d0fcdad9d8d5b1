"""The arms of the Graph Ladling experiment."""

MEAN, BEST, RECALIBRATED = "mean_ingredient", "best_by_validation", "best_recalibrated"
UNIFORM, GREEDY, GIS, LEARNED = "uniform", "greedy", "gis", "learned"
PARTITIONED = "partition_learned"
ENSEMBLE, OWN, OWN_GIS = "ensemble", "different_init", "different_init_gis"

#: What can be compared with the ingredients themselves.
METHODS = (UNIFORM, GREEDY, GIS, LEARNED, PARTITIONED, ENSEMBLE, OWN, OWN_GIS)

NOTES = {
    MEAN: "One ingredient, on average: what a training is worth by itself.",
    BEST: "Baseline: the ingredient of the best validation, as it was trained.",
    RECALIBRATED: (
        "Baseline: the best ingredient after its BatchNorm statistics were measured "
        "anew on the whole graph, as those of every soup are."
    ),
    UNIFORM: "All ingredients in equal parts.",
    GREEDY: "An equal-weight average of the ingredients that do not harm it.",
    GIS: "The method: greedy interpolation, the weight of each ingredient searched.",
    LEARNED: "Shares for each layer, learned on the validation nodes.",
    PARTITIONED: "The same, each step on a few parts of the graph.",
    ENSEMBLE: "Reference: class scores averaged, at the cost of all networks.",
    OWN: (
        "Control: all in equal parts, but each trained from initial weights of its "
        "own. It must fail: weights can only be averaged within one basin of the loss."
    ),
    OWN_GIS: (
        "Control: greedy interpolation of ingredients with their own initial weights. "
        "It never averages all of them, and may do as well as with shared weights."
    ),
}
ROLES = {
    MEAN: "baseline",
    BEST: "baseline",
    RECALIBRATED: "baseline",
    ENSEMBLE: "bound",
    OWN: "control",
    OWN_GIS: "control",
}


def role_of(arm: str) -> str:
    """Of the four roles that a report tells apart."""
    return ROLES.get(arm, "method")
