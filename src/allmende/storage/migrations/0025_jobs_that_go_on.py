from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("storage", "0024_steeringrow_steeringlookrow")]

    operations = [
        migrations.AddField(
            model_name="jobrow",
            name="further_seconds",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.RenameField(
            model_name="jobrow", old_name="node_failures", new_name="failures"
        ),
        migrations.AddField(
            model_name="jobrow",
            name="retries_failed",
            field=models.BooleanField(default=False),
        ),
    ]
