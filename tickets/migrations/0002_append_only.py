from django.db import migrations

CREATE = """
CREATE FUNCTION protect_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('presteza.erasing', true) = 'on' THEN
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.kind = OLD.kind AND NEW.ticket_id = OLD.ticket_id AND NEW.at = OLD.at
     AND NEW.data = OLD.data AND (NEW.actor_id IS NULL OR NEW.actor_id = OLD.actor_id)
     AND (NEW.entry_id IS NULL OR NEW.entry_id = OLD.entry_id) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'tickets_ticketevent is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON tickets_ticketevent
  FOR EACH ROW EXECUTE FUNCTION protect_event();
"""
DROP = "DROP TRIGGER event_append_only ON tickets_ticketevent; DROP FUNCTION protect_event();"


class Migration(migrations.Migration):
    """Events are written once; only erasure on request and the removal of demo data may touch them."""

    dependencies = [("tickets", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
