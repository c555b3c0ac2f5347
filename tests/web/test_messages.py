"""German is complete: every sentence of every ring, none doubtful, the compiled file fresh."""

from tools import messages


def test_every_message_has_its_german():
    assert messages.list_mistakes(messages.update()) == []


def test_the_compiled_catalogue_is_that_of_the_written_one():
    compiled = messages.CATALOGUE.with_suffix(".mo").read_bytes()
    assert compiled == messages.update().to_binary()


def test_a_template_gives_its_messages_as_django_looks_them_up():
    source = """{% translate "One" %} {% blocktranslate trimmed with a=b %}
      Two {{ a }}
    {% endblocktranslate %}
    {% blocktranslate count n=x %}One{% plural %}{{ n }} many{% endblocktranslate %}"""
    found = list(messages.messages_of_template(source))
    assert found == [
        messages.Message("One"),
        messages.Message("Two %(a)s"),
        messages.Message("One", "%(n)s many"),
    ]


def test_a_translation_that_loses_a_fact_is_a_mistake():
    catalogue = messages.polib.POFile()
    catalogue.append(messages.polib.POEntry(msgid="{a} of {b}", msgstr="{a}"))
    assert len(messages.list_mistakes(catalogue)) == 1
