DROP TABLE letter_requests;
DROP TABLE token_events;
DROP TABLE one_time_tokens;
