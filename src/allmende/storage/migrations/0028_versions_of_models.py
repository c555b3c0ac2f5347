from collections import Counter

from django.db import migrations, models


def number_versions(apps, _editor) -> None:
    """Give each model that is there its family, which is its name, and its version."""
    last = Counter()
    rows = apps.get_model("storage", "TrainedModelRow").objects.order_by("created_at", "id")
    for row in rows.iterator():
        last[row.project_id, row.name] += 1
        row.family, row.version = row.name, last[row.project_id, row.name]
        row.save(update_fields=["family", "version"])


class Migration(migrations.Migration):
    dependencies = [("storage", "0027_reconciliationrow")]

    operations = [
        migrations.CreateModel(
            name="ModelParentRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("child_id", models.CharField(max_length=40)),
                ("parent_id", models.CharField(db_index=True, max_length=40)),
            ],
            options={"db_table": "model_parent"},
        ),
        migrations.AddField(
            "trainedmodelrow",
            "family",
            models.CharField(default="", max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            "trainedmodelrow",
            "version",
            models.PositiveIntegerField(default=1),
            preserve_default=False,
        ),
        migrations.AddField("trainedmodelrow", "parents", models.JSONField(default=list)),
        migrations.AddField(
            "trainedmodelrow",
            "visibility",
            models.CharField(default="project", max_length=10),
        ),
        migrations.AddField("trainedmodelrow", "keep_until", models.DateField(null=True)),
        migrations.AddField("trainedmodelrow", "deleted_at", models.DateTimeField(null=True)),
        migrations.RunPython(number_versions, migrations.RunPython.noop),
        migrations.AddConstraint(
            "trainedmodelrow",
            models.UniqueConstraint(
                fields=("project_id", "family", "version"), name="model_version_once"
            ),
        ),
    ]
