DROP TABLE lookup_failures;
