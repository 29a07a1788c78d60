"""What Switchyard is compared with."""
