"""The error codes of templates and signatures."""

from api.field_codes import Code

LIBRARY = {
    "slug_taken": Code(
        status=409,
        meaning="You have another template, layout or partial with this slug.",
        remedy="Take another slug, or change the one that has it.",
    ),
    "template_in_use": Code(
        status=409,
        meaning="A layout of templates, a template of mailings, or a published version, cannot be deleted or changed.",
        remedy="`message` says which. Make a new version instead; take the layout out of its templates first.",
    ),
    "changed_meanwhile": Code(
        status=409,
        meaning="Somebody else has changed the draft since it was read; nothing was published.",
        remedy="Look at it, and publish it again.",
    ),
    "too_many_templates": Code(
        status=409,
        meaning="You have as many templates (2,000 with layouts and partials) or versions of one (1,000) as may be.",
        remedy="Delete some.",
    ),
    "not_publishable": Code(
        status=422,
        meaning="The version cannot be published, or the mailing not be written: its syntax, a partial, a variable, a "
        "script or an import is wrong.",
        remedy="`errors` names each fault with its line; templates/{id}/render/ shows the same before.",
    ),
    "template_not_found": Code(
        status=422,
        meaning="The email names a template that is not yours, or that has no published version for it.",
        remedy="Check the id or slug with templates/; publish a version, one without a locale for everybody else.",
    ),
    "template_variable_missing": Code(
        status=422,
        meaning="The template needs variables that the email does not give; nothing was stored.",
        remedy="`errors` names each of them. Give it, or declare a default or `required: false` in the template.",
    ),
    "template_variable_invalid": Code(
        status=422,
        meaning="A variable has another type than the template declares.",
        remedy="`errors` names each of them; `variables` of the template says what it takes.",
    ),
    "template_render_failed": Code(
        status=422,
        meaning="The template cannot be written with these variables, or takes longer than a second.",
        remedy="`message` says where. Try it with templates/{id}/render/.",
    ),
    "signature_not_found": Code(
        status=422,
        meaning="The email names a signature that is not yours.",
        remedy="Check the id with signatures/; `none` sends the email without one.",
    ),
    "too_many_signatures": Code(
        status=409, meaning="You have 500 signatures already.", remedy="Delete some."
    ),
}
