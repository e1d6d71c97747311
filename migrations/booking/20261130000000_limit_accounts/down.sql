DROP TABLE letters_caused;
DROP TABLE unverified_holds;
