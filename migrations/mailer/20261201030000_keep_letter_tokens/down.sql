DROP INDEX dead_letters_with_tokens;
DROP TABLE letter_tokens;
