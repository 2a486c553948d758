package workflows

import (
	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
)

// logger passes on to zap. What the SDK informs about (workers started, pollers stopped) is for debugging.
type logger struct{ zap *zap.SugaredLogger }

var _ log.Logger = logger{}

func newLogger(l *zap.Logger) logger {
	if l == nil {
		l = zap.NewNop()
	}
	return logger{l.Named("temporal").WithOptions(zap.AddCallerSkip(1)).Sugar()}
}

func (l logger) Debug(msg string, keyvals ...any) { l.zap.Debugw(msg, keyvals...) }
func (l logger) Info(msg string, keyvals ...any)  { l.zap.Debugw(msg, keyvals...) }
func (l logger) Warn(msg string, keyvals ...any)  { l.zap.Warnw(msg, keyvals...) }
func (l logger) Error(msg string, keyvals ...any) { l.zap.Errorw(msg, keyvals...) }
