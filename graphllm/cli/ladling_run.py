"""What ``graphllm ladling`` does, once its options are read."""

from types import SimpleNamespace

from torch_geometric.data import Data

from graphllm.cli import enhancing, setup
from graphllm.cli.features import Parts, check_features, opened
from graphllm.cli.ladling_choices import (
    ANY_SIZE,
    check_model,
    factory_of,
    methods_of,
    recipe_of,
    runner_of,
)
from graphllm.enhance import Enhancer, OracleLLM
from graphllm.errors import GraphLLMError
from graphllm.evaluate import Result
from graphllm.experiments.describe import (
    answer_statistics,
    encoder_name,
    examples,
)
from graphllm.experiments.ladling import (
    Factory,
    Job,
    Recipe,
    Runner,
    Vmapped,
    can_stack,
    plain_factory,
    run_ladling,
)
from graphllm.llm import Budget, CachedLLM
from graphllm.selection import get_selector, parse_budget

LLM = CachedLLM | OracleLLM


def run(given: SimpleNamespace) -> Result:
    """Run the experiment.

    What depends on names and numbers alone is refused before anything is loaded.

    Args:
        given (SimpleNamespace): The options of :func:`graphllm.cli.ladling.ladling`.

    Returns:
        Result: With arguments, command and times.

    Raises:
        GraphLLMError: Whatever a user can mend.
    """
    methods, runner = methods_of(given.methods), runner_of(given)
    check_features(given.features)
    check_model(given)
    recipe_of(given, ANY_SIZE, ANY_SIZE)
    arguments = vars(given).copy()
    if given.model == "ellagnn":
        get_selector(given.selector)
        parse_budget(given.budget)
        setup.prompt_names(given.prompts)
        given.features = "text"
    with opened(given) as parts:
        data, llm = parts.data, None
        recipe = recipe_of(given, int(data.num_nodes or 0), int(data.num_edges))
        bare = Data(x=parts.x, y=data.y, label_names=data.label_names)
        factory = factory_of(given, plain_factory(bare, recipe))
        _check_runner(runner, recipe, factory)
        if given.model == "ellagnn":
            data, llm = _enhanced(given, parts)
        result = run_ladling(
            data,
            x=parts.x,
            split=parts.split,
            seeds=range(given.seeds),
            recipe=recipe,
            num_ingredients=given.ingredients,
            runner=runner,
            methods=methods,
            granularity=given.granularity,
            folder=given.out / "ingredients",
            factory=factory,
            progress=parts.bars.update,
        )
        arguments |= {"features": parts.features}
        setup.record(result, arguments, llm, parts.bars)
    if parts.encoder is not None:
        result.details["encoder"] = encoder_name(parts.encoder)
    if llm is not None:
        result.details["llm"] = {"model": getattr(llm, "model", type(llm).__name__)}
        result.details["answers"] = answer_statistics(data)
        result.details["examples"] = examples(data)
    return result


def _check_runner(runner: Runner | None, recipe: Recipe, factory: Factory) -> None:
    if isinstance(runner, Vmapped) and not can_stack(Job(recipe, factory, 0, 0)):
        raise GraphLLMError(
            "'--runner vmap' trains gcn, resgcn, gcnii, jknet, sgc, sign and sage on "
            "the whole graph, as they are; choose another --runner, or leave it out"
        )


def _enhanced(given: SimpleNamespace, parts: Parts) -> tuple[Data, LLM]:
    """The graph with what a language model wrote about some nodes.

    Nodes are chosen from all of them and without a label, so that one choice serves
    every split.
    """
    data, bars = parts.data, parts.bars
    # Features are those of the text.
    assert parts.encoder is not None
    domain = setup.domain_of(data, None)
    asked = given.llm, given.llm_model, None, Budget(), given.cache
    with enhancing.open_model(*asked, bars, data) as llm:
        names = setup.prompt_names(given.prompts)
        enhancer = Enhancer(
            llm,
            enhancing.templates(given.llm, names, domain),
            parts.encoder,
            get_selector(given.selector),
            parse_budget(given.budget),
            pool="all",
            num_hops=given.layers,
            domain=domain,
            neighbors=None,
        )
        told = enhancer.run(
            data, parts.x, lambda done, total: bars.update("ask", done, total)
        )
    return told, llm
