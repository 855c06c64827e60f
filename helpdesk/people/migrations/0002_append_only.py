from django.db import migrations

CREATE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON people_auditentry
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
DROP = "DROP TRIGGER audit_append_only ON people_auditentry; DROP FUNCTION refuse_change();"


class Migration(migrations.Migration):
    """The audit trail takes no update and no delete, from anybody (R-412)."""

    dependencies = [("people", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
