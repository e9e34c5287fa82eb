       IDENTIFICATION DIVISION.
       PROGRAM-ID. UNICODE.
      * COBOL's characters are bytes; the encoding itself tells where a
      * code point starts.
       DATA DIVISION.
       WORKING-STORAGE SECTION.
       01 LINE-IN PIC X(80).
       01 LAST-ONE BINARY-LONG.
       01 I BINARY-LONG.
       01 STOPS BINARY-LONG.
       01 POINTS BINARY-LONG.
       01 SHOWN PIC Z9.
       01 RESULT PIC X(80).
       01 PLACE BINARY-LONG.
       01 WIDTH BINARY-LONG.
       PROCEDURE DIVISION.
           DISPLAY "Grüße, Мир, 世界, 😀".
           PERFORM 4 TIMES
               ACCEPT LINE-IN
               PERFORM BACKWARDS
           END-PERFORM.
           STOP RUN.
       BACKWARDS.
           COMPUTE STOPS = FUNCTION LENGTH(FUNCTION TRIM(LINE-IN)).
           MOVE 0 TO POINTS.
           MOVE 1 TO PLACE.
           MOVE SPACES TO RESULT.
           PERFORM VARYING I FROM STOPS BY -1 UNTIL I < 1
               IF LINE-IN(I:1) < X"80" OR LINE-IN(I:1) >= X"C0"
                   COMPUTE WIDTH = STOPS - I + 1
                   MOVE LINE-IN(I:WIDTH) TO RESULT(PLACE:WIDTH)
                   ADD WIDTH TO PLACE
                   COMPUTE STOPS = I - 1
                   ADD 1 TO POINTS
               END-IF
           END-PERFORM.
           MOVE POINTS TO SHOWN.
           DISPLAY FUNCTION TRIM(SHOWN) " " FUNCTION TRIM(RESULT).
