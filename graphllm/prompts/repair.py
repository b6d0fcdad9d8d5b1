"""One follow-up for an answer that broke its form, and never a second."""

from dataclasses import replace

from graphllm.errors import PromptError
from graphllm.llm.base import Message, Request
from graphllm.prompts.clean import cut
from graphllm.prompts.fields import fill
from graphllm.prompts.parse import prose
from graphllm.prompts.render import form_of
from graphllm.prompts.template import NodeView, Template

#: Of the bad answer, this much is shown to the model again.
MAX_ANSWER_CHARS = 400

REPAIR = Template(
    name="repair",
    version=1,
    system="",
    user="That answer does not have the right form. Answer again with {form} and "
    "nothing else.",
    parser=prose,
)


def repair_request(
    template: Template, request: Request, bad_answer: str, view: NodeView
) -> Request:
    """Ask again, with the bad answer and the right form before the model's eyes.

    The answer to the new request is read by ``template.parser``. The prompt grows
    by the form and by at most 400 characters of the bad answer.

    Args:
        template (Template): What was asked.
        request (Request): How it was asked, from :func:`render`.
        bad_answer (str): What came back.
        view (NodeView): The node asked about.

    Returns:
        Request: Its ``template`` is ``"repair@1/NAME@VERSION"``.

    Raises:
        PromptError: If the request is a repair already, or the template says nothing
            about the form of its answers.
    """
    if request.template.startswith("repair@"):
        raise PromptError(
            f"the answer to '{request.template}' was repaired once; take it as failed"
        )
    if not template.form:
        raise PromptError(
            f"template '{template.id}' has no 'form' to ask for; give it one"
        )
    form = form_of(template, view, request.max_new_tokens)
    turns = [
        Message("assistant", cut(bad_answer, MAX_ANSWER_CHARS) or "(no answer)"),
        Message("user", fill(REPAIR.user, {"form": form})),
    ]
    return replace(
        request,
        messages=(*request.messages, *turns),
        template=f"{REPAIR.id}/{template.id}",
    )
