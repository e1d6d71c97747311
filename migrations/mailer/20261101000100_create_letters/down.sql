DROP TABLE letter_attempts;
DROP TABLE letters;
