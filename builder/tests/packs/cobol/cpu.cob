       IDENTIFICATION DIVISION.
       PROGRAM-ID. SPIN.
       DATA DIVISION.
       WORKING-STORAGE SECTION.
       01 N BINARY-LONG VALUE 0.
       PROCEDURE DIVISION.
           DISPLAY "spinning".
           PERFORM UNTIL N = 1
               CONTINUE
           END-PERFORM.
           STOP RUN.
