"""The table of permissions is complete, and a refusal says what it takes."""

import pytest

from allmende.domain.basics.people import PUBLIC, Person, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.domain.trust.permissions import (
    DEED_WORDS,
    PUBLIC_PERMISSIONS,
    ROLE_WORDS,
    ROLES,
    Permission,
    ReviewerFromOutside,
    can_do,
    can_see,
    check_member,
    check_permission,
    check_roles_together,
    list_permissions,
)


def somebody(*roles: Role, organisations: frozenset[str] = frozenset()) -> Person:
    return Person(id="p-1", name="Somebody", roles=frozenset(roles), organisation_ids=organisations)


def test_every_permission_has_its_roles_and_its_words():
    assert set(ROLES) == set(Permission)
    assert set(DEED_WORDS) == set(Permission)
    assert set(ROLE_WORDS) == set(Role)
    assert all(ROLES.values())


def test_the_public_may_what_is_public_and_nothing_else():
    assert list_permissions(PUBLIC) == PUBLIC_PERMISSIONS


def test_who_gives_roles_decides_nothing_and_spends_nothing():
    administrator = somebody(Role.ADMINISTRATOR)
    for permission in (
        Permission.AWARD_APPLICATION,
        Permission.REFUSE_APPLICATION,
        Permission.CHANGE_BUDGET,
        Permission.SUBMIT_JOB,
        Permission.SEE_JOB,
    ):
        assert not can_do(administrator, permission)
    assert can_do(administrator, Permission.MANAGE_PEOPLE)


def test_the_machine_awards_nothing():
    assert not can_do(somebody(Role.SYSTEM), Permission.AWARD_APPLICATION)
    assert not can_do(somebody(Role.SYSTEM), Permission.ASSESS_APPLICATION)


def test_an_auditor_sees_everything_and_changes_nothing():
    readings = {
        permission
        for permission in list_permissions(somebody(Role.AUDITOR))
        if not permission.value.endswith((".see", ".see_every", ".read"))
    }
    assert readings == {
        Permission.CHECK_ELIGIBILITY,
        Permission.EDIT_SELF,
        Permission.MANAGE_TOKENS,
        Permission.EXPORT_EVIDENCE,
    }


def test_two_roles_may_what_either_may():
    both = somebody(Role.APPLICANT, Role.AUDITOR)
    assert list_permissions(both) == list_permissions(somebody(Role.APPLICANT)) | list_permissions(
        somebody(Role.AUDITOR)
    )


def test_no_reviewer_opens_by_another_role_what_a_conflict_closes():
    see_all = Permission.SEE_EVERY_APPLICATION
    for role in Role:
        check_roles_together(frozenset({role}))
        if can_do(somebody(role), see_all):
            with pytest.raises(ReviewerFromOutside, match=ROLE_WORDS[role].english()):
                check_roles_together(frozenset({Role.REVIEWER, role}))
        else:
            check_roles_together(frozenset({Role.REVIEWER, role}))
    check_roles_together(frozenset(Role) - {Role.REVIEWER})
    assert can_do(somebody(Role.PROGRAMME_OFFICER), see_all)
    assert not can_do(somebody(Role.APPLICANT), see_all)


def test_a_refusal_names_the_deed_and_the_roles_it_takes():
    with pytest.raises(NotPermitted) as refusal:
        check_permission(somebody(Role.APPLICANT), Permission.ASSESS_APPLICATION)
    assert str(refusal.value) == (
        "You may not record a technical assessment. "
        "It takes the role operator or programme officer; ask the programme office."
    )
    with pytest.raises(NotPermitted, match="the role the system itself"):
        check_permission(somebody(Role.APPLICANT), Permission.RECORD_USAGE)
    check_permission(somebody(Role.OPERATOR), Permission.ASSESS_APPLICATION)


def test_a_foreign_record_does_not_exist_and_ones_own_does():
    member = somebody(Role.APPLICANT, organisations=frozenset({"o-1"}))
    check_member(member, "o-1", kind="project", id="pr-1")
    with pytest.raises(NotFound) as refusal:
        check_member(member, "o-2", kind="project", id="pr-2", unless=Permission.SEE_EVERY_PROJECT)
    assert str(refusal.value).startswith("There is no project pr-2.")


def test_staff_see_foreign_records_but_do_not_act_on_them_as_members():
    officer = somebody(Role.PROGRAMME_OFFICER)
    check_member(officer, "o-1", kind="project", id="pr-1", unless=Permission.SEE_EVERY_PROJECT)
    assert can_see(officer, "o-1", unless=Permission.SEE_EVERY_PROJECT)
    with pytest.raises(NotFound):
        check_member(officer, "o-1", kind="project", id="pr-1")
