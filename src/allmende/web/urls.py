"""Every address of the portal; the pages of one noun stand in one file."""

from django.urls import include, path
from django.views.generic import RedirectView

from allmende.domain.trust.agents import ENROL_PATH, EXCHANGE_PATH
from allmende.web import agents as agent_calls
from allmende.web.api import api
from allmende.web.pages import (
    administrators,
    agents,
    aid,
    appeals,
    appearance,
    applications,
    audit,
    awards,
    calls,
    changes,
    clusters,
    documents,
    duties,
    eligibility,
    expert_reviews,
    front,
    home,
    incidents,
    job_watching,
    jobs,
    mergers,
    messages,
    metrics,
    models,
    modes,
    nodes,
    organisations,
    ownership,
    panels,
    planning,
    programme,
    programme_figures,
    projects,
    promises,
    public_figures,
    reconciliations,
    reference,
    reports,
    reservations,
    rules,
    sections,
    sites,
    sizes,
    tokens,
    usage,
    what_if,
)

handler400 = "allmende.web.errors.bad_request"
handler403 = "allmende.web.errors.permission_denied"
handler404 = "allmende.web.errors.page_not_found"
handler500 = "allmende.web.errors.server_error"

PUBLIC_PAGES = [
    path("", front.show_front, name="front"),
    path("check", eligibility.check_eligibility, name="check"),
    path("check/size", ownership.show_size, name="size"),
    path("check/size/firm", ownership.edit_firm, name="size_firm"),
    path("check/size/holding", ownership.edit_holding, name="size_holding"),
    path("check/size/file", ownership.download_graph, name="size_file"),
    path("sites", sites.show_sites, name="sites"),
    path("calculator", sizes.show_sizes, name="calculator"),
    path("plan-training", planning.show_plan, name="plan_training"),
    path("promises", promises.list_promises, name="promises"),
    path("promises/<str:promise_id>", promises.show_promise, name="promise"),
    path("rules", rules.show_rules, name="rules"),
    path("figures", public_figures.show_public_figures, name="public_figures"),
    path("help", duties.show_help, name="help"),
    path("barrierefreiheit", duties.show_accessibility, name="accessibility"),
    path("datenschutz", duties.show_privacy, name="privacy"),
    path("impressum", duties.show_imprint, name="imprint"),
    path("language/<str:language>", appearance.choose_language, name="language"),
    path("theme/<str:theme>", appearance.choose_theme, name="theme"),
]

ACCESS_PAGES = [
    path("home", home.show_home, name="home"),
    path("organisations/new", organisations.new_organisation, name="organisation_new"),
    path("organisations/<str:organisation_id>/figures", organisations.show_figures, name="figures"),
    path("organisations/<str:organisation_id>/ownership", ownership.save_graph, name="size_save"),
    path("apply", applications.apply, name="apply"),
    path("applications/<str:application_id>", applications.show_application, name="application"),
    path(
        "applications/<str:application_id>/check",
        applications.check_answers,
        name="application_check",
    ),
    path(
        "applications/<str:application_id>/withdraw",
        applications.withdraw_application,
        name="application_withdraw",
    ),
    path(
        "applications/<str:application_id>/calculator",
        sizes.size_application,
        name="application_calculator",
    ),
    path("applications/<str:application_id>/documents", documents.show_documents, name="documents"),
    path(
        "applications/<str:application_id>/documents/<str:document_id>",
        documents.download_document,
        name="document",
    ),
    path(
        "applications/<str:application_id>/documents/<str:document_id>/remove",
        documents.remove_document,
        name="document_remove",
    ),
    path(
        "applications/<str:application_id>/documents/<str:document_id>/reuse",
        documents.reuse_document,
        name="document_reuse",
    ),
    path(
        "applications/<str:application_id>/rebuttal",
        appeals.answer_reviews,
        name="application_rebuttal",
    ),
    path(
        "applications/<str:application_id>/appeal", appeals.file_appeal, name="application_appeal"
    ),
    path(
        "applications/<str:application_id>/parts/<str:section>",
        sections.edit_section,
        name="application_section",
    ),
]

OFFICE_PAGES = [
    path("awards/<str:award_id>/accept", awards.accept_condition, name="award_accept"),
    path("awards/<str:award_id>/letter/<str:language>.pdf", awards.download_letter, name="letter"),
    path("aid", aid.list_aid, name="aid"),
    path("aid.csv", aid.download_aid, name="aid_csv"),
    path("aid/<str:entry_id>/register", aid.register_aid, name="aid_register"),
    path("mergers", mergers.show_mergers, name="mergers"),
    path("changes", changes.list_changes, name="changes"),
    path("changes/<str:change_id>/answer", changes.answer_change, name="change_answer"),
    path("changes/<str:change_id>/withdraw", changes.withdraw_change, name="change_withdraw"),
    path("appeals", appeals.list_appeals, name="appeals"),
    path("appeals/<str:appeal_id>/answer", appeals.answer_appeal, name="appeal_answer"),
    path("programme", programme.list_applications, name="programme"),
    path("programme/calls", calls.list_calls, name="calls"),
    path("programme/calls/new", calls.new_call, name="call_new"),
    path("programme/calls/<str:call_id>", calls.show_call, name="call"),
    path("programme/modes", modes.list_modes, name="modes"),
    path("programme/modes/<str:mode_id>", modes.show_mode, name="mode"),
    path("programme/modes/<str:mode_id>/new", modes.new_version, name="mode_new"),
    path("programme/figures", programme_figures.show_figures, name="programme_figures"),
    path("programme/figures/<str:name>.csv", programme_figures.download_sheet, name="figure_sheet"),
    path(
        "programme/figures/applications",
        programme_figures.list_figure_applications,
        name="figure_applications",
    ),
    path(
        "programme/figures/projects",
        programme_figures.list_figure_projects,
        name="figure_projects",
    ),
    path("programme/years/<int:year>.zip", programme_figures.download_year, name="access_year"),
    path(
        "programme/<str:application_id>", programme.show_application, name="programme_application"
    ),
    path(
        "programme/<str:application_id>/eligibility",
        programme.decide_eligibility,
        name="programme_eligibility",
    ),
    path(
        "programme/<str:application_id>/recuse/<str:reviewer_id>",
        panels.recuse_reviewer,
        name="programme_recuse",
    ),
    path(
        "programme/<str:application_id>/assess",
        programme.assess_application,
        name="programme_assess",
    ),
    path(
        "programme/<str:application_id>/award", programme.award_application, name="programme_award"
    ),
    path(
        "programme/<str:application_id>/refuse",
        programme.refuse_application,
        name="programme_refuse",
    ),
    path("reports", reports.list_reports, name="reports"),
    path("incidents", incidents.list_incidents, name="incidents"),
    path("incidents/new", incidents.report_incident, name="incident_new"),
    path("incidents/<str:incident_id>", incidents.show_incident, name="incident"),
    path("metrics", metrics.show_metrics, name="metrics"),
    path("nodes/<str:partition_id>", nodes.list_nodes, name="nodes"),
    path("nodes/<str:partition_id>/<str:node>", nodes.show_node, name="node"),
    path("nodes/<str:partition_id>/<str:node>/resume", nodes.resume_node, name="node_resume"),
    path("sites/agents", agents.show_agents, name="agents"),
    path("sites/agents/<str:agent_id>/revoke", agents.revoke_agent, name="agent_revoke"),
    path("reservations", reservations.show_reservations, name="reservations"),
    path(
        "reservations/<str:reservation_id>/cancel",
        reservations.cancel_reservation,
        name="reservation_cancel",
    ),
    path("clusters", clusters.list_clusters, name="clusters"),
    path("clusters/<str:site_id>", clusters.show_policy, name="cluster"),
    path("clusters/<str:site_id>/guarantees", clusters.show_steering, name="cluster_steering"),
    path("clusters/<str:site_id>/usage", usage.list_site_usage, name="cluster_usage"),
    path(
        "clusters/<str:site_id>/usage/<int:number>",
        usage.trace_site_usage,
        name="cluster_usage_record",
    ),
    path(
        "clusters/<str:site_id>/reconciliation",
        reconciliations.reconcile,
        name="cluster_reconciliation",
    ),
    path(
        "clusters/<str:site_id>/reconciliation/<int:number>",
        reconciliations.show_reconciliation,
        name="cluster_reconciled",
    ),
    path("clusters/<str:site_id>/apply", clusters.apply_policy, name="cluster_apply"),
    path("clusters/<str:site_id>/accounts", clusters.list_accounts, name="cluster_accounts"),
    path(
        "clusters/<str:site_id>/accounts/<str:person_id>",
        clusters.set_account,
        name="cluster_account",
    ),
    path("mail", messages.list_mail, name="mail"),
    path("mail/<str:message_id>/retry", messages.retry_message, name="mail_retry"),
    path("audit", audit.list_events, name="audit"),
    path("what-if", what_if.show_question, name="what_if"),
    path("what-if/live", what_if.show_live, name="what_if_live"),
    path("what-if/cancel", what_if.cancel_question, name="what_if_cancel"),
    path("what-if/again", what_if.ask_again, name="what_if_again"),
    path("what-if/report", what_if.download_report, name="what_if_report"),
    path("what-if/figures", what_if.download_figures, name="what_if_figures"),
]

REVIEW_PAGES = [
    path("reviews", expert_reviews.list_reviews, name="reviews"),
    path("reviews/profile", expert_reviews.edit_profile, name="reviewer_profile"),
    path("reviews/<str:application_id>", expert_reviews.show_review, name="review"),
    path("reviews/<str:application_id>/answer", expert_reviews.answer, name="review_answer"),
    path(
        "reviews/<str:application_id>/documents/<str:document_id>",
        documents.download_for_review,
        name="review_document",
    ),
    path("rounds", panels.list_rounds, name="rounds"),
    path("rounds/<str:call_id>/<str:cut_off>", panels.show_panel, name="panel"),
    path("rounds/<str:call_id>/<str:cut_off>/close", panels.close_panel, name="panel_close"),
    path(
        "rounds/<str:call_id>/<str:cut_off>/conflicts",
        panels.recheck_conflicts,
        name="panel_conflicts",
    ),
    path(
        "rounds/<str:call_id>/<str:cut_off>/reviewers",
        panels.assign_reviewers,
        name="panel_reviewers",
    ),
    path("rounds/<str:call_id>/<str:cut_off>/call-off", panels.call_off, name="panel_call_off"),
]

WORK_PAGES = [
    path("projects/<str:project_id>", projects.show_project, name="project"),
    path("projects/<str:project_id>/usage", usage.list_project_usage, name="project_usage"),
    path(
        "projects/<str:project_id>/usage/<int:number>",
        usage.trace_project_usage,
        name="project_usage_record",
    ),
    path("projects/<str:project_id>/changes", changes.show_changes, name="project_changes"),
    path("projects/<str:project_id>/activate", projects.activate_project, name="project_activate"),
    path(
        "projects/<str:project_id>/onboarding/<str:step_id>/done",
        projects.tick_step,
        name="project_step_done",
    ),
    path("projects/<str:project_id>/suspend", projects.suspend_project, name="project_suspend"),
    path("projects/<str:project_id>/resume", projects.resume_project, name="project_resume"),
    path("projects/<str:project_id>/report", reports.show_report, name="report"),
    path(
        "projects/<str:project_id>/report/<str:language>.pdf",
        reports.download_report,
        name="report_pdf",
    ),
    path(
        "projects/<str:project_id>/report/<str:decision>",
        reports.decide_report,
        name="report_decide",
    ),
    path("projects/<str:project_id>/jobs/new", jobs.new_job, name="job_new"),
    path("jobs", jobs.list_jobs, name="jobs"),
    path("jobs/<str:job_id>", jobs.show_job, name="job"),
    path("jobs/<str:job_id>/live", job_watching.show_job_live, name="job_live"),
    path("jobs/<str:job_id>/output", job_watching.read_new_log, name="job_output"),
    path("jobs/<str:job_id>/log/<int:number>", job_watching.download_log, name="job_log"),
    path("jobs/<str:job_id>/cancel", jobs.cancel_job, name="job_cancel"),
    path("jobs/sweeps/<str:sweep_id>/cancel", jobs.cancel_sweep, name="sweep_cancel"),
    path("jobs/<str:job_id>/stop", jobs.stop_job, name="job_stop"),
    path("jobs/<str:job_id>/again", jobs.run_job_again, name="job_again"),
    path("models", models.list_models, name="models"),
    path("models/<str:model_id>", models.show_model, name="model"),
    path("models/<str:model_id>/record", models.download_record, name="model_record"),
    path("models/<str:model_id>/record.pdf", models.download_record_sheet, name="model_sheet"),
    path("models/<str:model_id>/bill", models.download_bill, name="model_bill"),
    path("models/<str:model_id>/package", models.download_package, name="model_package"),
    path("models/<str:model_id>/delete", models.delete_files, name="model_delete"),
    path(
        "models/<str:model_id>/certificate", models.download_certificate, name="model_certificate"
    ),
    path("models/<str:model_id>/files/<path:name>", models.download_file, name="model_file"),
    path("messages", messages.show_messages, name="messages"),
    path("settings/language", messages.choose_language, name="my_language"),
    path("settings/tokens", tokens.show_tokens, name="tokens"),
    path("settings/tokens/<str:token_id>/revoke", tokens.revoke_token, name="token_revoke"),
]

urlpatterns = [
    *PUBLIC_PAGES,
    *ACCESS_PAGES,
    *OFFICE_PAGES,
    *REVIEW_PAGES,
    *WORK_PAGES,
    path("first-administrator/<str:secret>", administrators.claim_link, name="first_administrator"),
    path("api/v1/", reference.show_api, name="api_reference"),
    path("api/v1/", api.urls),
    path(ENROL_PATH.lstrip("/"), agent_calls.enrol),
    path(EXCHANGE_PATH.lstrip("/"), agent_calls.exchange),
    # Changing the address is no deed yet: it would have to change the person too.
    path("account/email/", RedirectView.as_view(pattern_name="home"), name="account_email"),
    path("account/", include("allauth.account.urls")),
]
