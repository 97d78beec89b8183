"""Any Django email backend, django-anymail's among them."""
